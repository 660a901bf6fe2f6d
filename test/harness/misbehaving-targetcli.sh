#!/bin/bash
# Stands where TARGETCLI_PATH points. /run/fault/mode says how it misbehaves around the real targetcli: one word,
# or `kind pattern`, where the line for targetcli that has the pattern is tampered with.
read -r kind pattern </run/fault/mode

tamper() {
  while IFS= read -r line; do
    if [[ $line =~ $pattern ]]; then
      case $kind in
        break) echo '/no/such/path pwd' ;;                       # an error, and no effect
        after) echo "$line"; echo '/no/such/path pwd' ;;         # an error, and the effect
        swallow) echo 'pwd' ;;                                   # no error, and no effect
        race) echo "$line"; echo "$line" ;;                      # somebody else was first
        quit) exit ;;                                            # the process ends in the middle
        stall) sleep 1000 ;;                                     # no answer
      esac
    else
      echo "$line"
    fi
  done
}

case $kind in
  honest) exec /usr/bin/targetcli ;;
  hang) exec sleep 1000 ;;
  stubborn) trap '' TERM; while :; do sleep 0.2; done ;;
  silent) exit 0 ;;
  garbage) head -c 20000 /dev/urandom; head -c 20000 /dev/urandom >&2; exit 3 ;;
  ansi) for _ in $(seq 2000); do printf '\033[31mError: \033[0m\n' >&2; done; exit 0 ;;
  flood) exec head -c 100000000 /dev/zero ;;
  frozen) echo x >/run/frozen/file ;;                            # sleeps in the kernel, where no signal arrives
  *) tamper | /usr/bin/targetcli ;;
esac
