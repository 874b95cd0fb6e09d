#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# trinity.sh SECONDS [SEED]: unprivileged fuzzing of the calls for memory, files
# and System V shared memory, with segments, memfds and views among its objects
set -eu
here=$(dirname -- "$0")
bin=$here/../../build/guest
. "$here/tap.sh"
seconds=$1 seed=${2:-1}

[ -e /dev/anon_object_test ] || modprobe anon_object_device
chmod 666 /dev/anon_object_test
echo 12 >/proc/sys/vm/nr_hugepages
dir=$(mktemp -d)
chmod 777 "$dir"
cd "$dir"

# Its sockets are left out, and 32-bit calls: it dies of a SIGBUS of its own
# where it looks for the former, and gives up the latter by itself
calls='shmget shmat shmctl shmdt mmap munmap mremap madvise mprotect mbind
	memfd_create fallocate ftruncate fadvise64 mlock mlock2 munlock msync
	mincore read write readv writev pread64 pwrite64 preadv2 pwritev2 splice
	tee vmsplice sendfile copy_file_range fcntl newfstat lseek dup dup2
	fsync fdatasync sync_file_range readahead remap_file_pages process_vm_readv
	process_vm_writev process_madvise move_pages migrate_pages userfaultfd
	io_uring_setup io_setup io_submit ioctl poll flock fchmod fchown
	fsetxattr fgetxattr flistxattr name_to_handle_at execveat get_mempolicy'
set --
for call in $calls; do
	set -- "$@" -c "$call,64"
done

objects()
{
	grep -c . /sys/kernel/debug/anon_objects
}

# views_used: has it objects, and does it do anything with them?
views_used()
{
	sleep $((seconds / 2))
	held=$(objects)
	note "$((held - before)) objects"
	wait "$fuzzer" || :
	tail -n 20 "$dir/output" | sed 's/^/# /'
	calls=$(sed -n 's/.*Ran \([0-9]*\) syscalls.*/\1/p' "$dir/output")
	[ "$held" -gt "$((before + 6))" ] && [ "${calls:-0}" -gt 1000 ]
}

# nothing_left: of what it had
nothing_left()
{
	ipcs -m | awk '$2 ~ /^[0-9]+$/ { print $2 }' | xargs -r -n 1 ipcrm -m
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(objects)" -gt "$before" ] || return 0
		sleep 1
	done
	cat /sys/kernel/debug/anon_objects
	return 1
}

plan 2
before=$(objects)
timeout -s INT "$seconds" env LD_PRELOAD="$bin/view_memfd.so" trinity -q \
	-l off -X -C 4 -s "$seed" --enable-fds=memfd,testfile,pipes,eventfd \
	"$@" >"$dir/output" 2>&1 &
fuzzer=$!
check views_used views_used
check nothing_left nothing_left
finish
