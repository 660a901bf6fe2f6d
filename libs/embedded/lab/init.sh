#!/bin/sh
# First stage of the storage lab: the host's file system, read-only, becomes a writable overlay. lab_dir comes from the kernel line.
set -e
unset LD_PRELOAD # what the kernel itself may need on the host
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
modules=/usr/lib/uml/modules/$(uname -r)
insmod "$modules/kernel/fs/overlayfs/overlay.ko"

mkdir /mnt/upper /mnt/work /mnt/r
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/r
cd /mnt/r
mount -t proc proc proc
mount -t sysfs sysfs sys
# Never on /tmp: the overlay is writable already, and a checkout or a lab folder under it would vanish.
mount -t tmpfs tmpfs run
mount -t devtmpfs devtmpfs dev
mkdir -p usr/lib/modules
# A link, not a copy: hostfs holds one descriptor of the host per inode.
ln -s "$modules" usr/lib/modules/
cp "$lab_dir/control/node.sh" run/node.sh
exec chroot . /bin/sh /run/node.sh
