#!/bin/sh
# Second stage of the storage lab: a storage node with the kernel target, and a line over which the host runs scripts in it.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/run/home
LC_ALL=C.UTF-8
export PATH HOME LC_ALL
unset TERM mem uml_dir
line=/dev/ttyS0

fail() { echo "lab: $*"; echo "failed $*" >$line; sleep 60; }
stty -F $line -echo -onlcr
stty -F /dev/ttyS1 -echo -onlcr

ulimit -n "$(ulimit -Hn)"
mkdir -p /run/home /run/lock /run/dbus /run/lab /run/control /data/images /var/lib/spindle
mount -t hostfs -o "$lab_dir/control" none /run/control || fail "control folder"
. /run/control/lab.env
mount -t hostfs -o "$IMAGE_ROOT_ON_HOST" none /data/images || fail "image folder"
# A disk of its own, where root may do what root may do on a real node: targetcli sets its folder to mode 0600 and walks in all the same.
mount -t ext4 /dev/ubda /var/lib/spindle || fail "state disk"
# The checkout once more, past the overlay, which must not see its lower files change (a new build, for example).
mount -t hostfs -o "$PROJECT_ROOT" none "$PROJECT_ROOT" || fail "project folder"

# Both folders before the modules, else target_core_mod says "db_root: cannot open: /etc/target".
mkdir -p /etc/target /etc/rtslib-fb-target /var/lib/spindle/rtslib-fb-target
mount --bind /var/lib/spindle/rtslib-fb-target /etc/rtslib-fb-target || fail "saved configuration folder"
# targetcli 2.1.53 ends with 255 without the system bus.
dbus-daemon --system --fork || fail "system bus"
modprobe -a configfs target_core_mod iscsi_target_mod target_core_file target_core_iblock || fail "kernel modules"
mount -t configfs configfs /sys/kernel/config || fail "configfs"
# Without targetcli or rtslib it is this mkdir that makes the fabric appear.
mkdir -p /sys/kernel/config/target/iscsi

ip link set lo up
ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2 || fail "network"
ip link set eth1 up && ip addr add 10.0.3.15/24 dev eth1 || fail "health network"

# The script's output goes to memory first: a file on hostfs reaches the host only when its last holder closes it, and a script may leave
# children behind. No copy of nothing, because starting a process is what takes time here.
run() {
  setsid sh "/run/control/$1.sh" >"/run/lab/$1.out" 2>"/run/lab/$1.err" </dev/null &
  echo $! >"/run/lab/$1.pid"
  wait $!
  code=$?
  [ -s "/run/lab/$1.out" ] && cp "/run/lab/$1.out" /run/control/
  [ -s "/run/lab/$1.err" ] && cp "/run/lab/$1.err" /run/control/
  echo "done $1 $code" >$line
  # emptied and not removed, since rm is one more process
  : >"/run/lab/$1.out"
  : >"/run/lab/$1.err"
  : >"/run/lab/$1.pid"
}

serve() {
  echo ready >$line
  while read -r verb id; do
    case $verb in
      run) run "$id" & ;;
      kill) kill -KILL -"$(cat "/run/lab/$id.pid")" ;;
    esac
  done
}

# `wait` in process 1 also collects the orphans; `read` would leave them as zombies.
# The line is open before it is said that it is, and stays so: what comes in before its last holder closes it is lost.
serve <$line &
while :; do wait; sleep 1; done
