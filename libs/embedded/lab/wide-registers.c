/*
 * Lets User Mode Linux 6.1 run on CPUs with AMX. It sets the floating-point state of its processes by ptrace from a buffer of 2,696 bytes
 * (HOST_FP_SIZE in arch/x86/um/user-offsets.c), and the host takes the whole state or nothing (xstateregs_set in arch/x86/kernel/fpu/regset.c:
 * EFAULT): 11,008 bytes with AMX. Preloaded into linux.uml, this widens such a write. The rest is zero and said to be in its initial state:
 * AMX needs a permission by arch_prctl, which no process in the lab can get from its kernel.
 *
 * No headers, because tcc comes without them. Only the one thread that schedules processes calls ptrace.
 */
long syscall(long number, ...);
int *__errno_location(void);

struct iovec {
  char *base;
  unsigned long length;
};

enum { SYS_PTRACE = 101, PTRACE_PEEKTEXT = 1, PTRACE_PEEKUSER = 3, PTRACE_GETREGSET = 0x4204, PTRACE_SETREGSET = 0x4205 };
enum { NT_X86_XSTATE = 0x202, XSTATE_BV_AT = 512, XTILE_CFG_AND_DATA = 3 << 17 };

static char whole[65536];
static unsigned long length;

static int find_length(int pid) {
  struct iovec all = {whole, sizeof whole};
  if (syscall(SYS_PTRACE, (long)PTRACE_GETREGSET, (long)pid, (long)NT_X86_XSTATE, &all) < 0) return -1;
  for (unsigned long at = 0; at < all.length; at++) whole[at] = 0;
  length = all.length;
  return 0;
}

long ptrace(int request, int pid, long address, void *data) {
  if (request >= PTRACE_PEEKTEXT && request <= PTRACE_PEEKUSER) { /* the C library returns the word, the kernel stores it */
    long word;
    if (syscall(SYS_PTRACE, (long)request, (long)pid, address, &word) < 0) return -1;
    *__errno_location() = 0;
    return word;
  }
  if (request != PTRACE_SETREGSET || address != NT_X86_XSTATE) return syscall(SYS_PTRACE, (long)request, (long)pid, address, data);
  if (length == 0 && find_length(pid) < 0) return -1;
  struct iovec *given = data;
  if (given->length >= length) return syscall(SYS_PTRACE, (long)request, (long)pid, address, given);
  for (unsigned long at = 0; at < given->length; at++) whole[at] = given->base[at];
  *(unsigned long *)(whole + XSTATE_BV_AT) &= ~(unsigned long)XTILE_CFG_AND_DATA;
  struct iovec all = {whole, length};
  return syscall(SYS_PTRACE, (long)request, (long)pid, address, &all);
}
