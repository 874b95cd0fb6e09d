#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: run the cases whose names match and print "BENCH case unit
# value", several times a case.
#
# usage: guest.sh MODULE PROGRAMS [PATTERN [ROUNDS]]
set -eu
module=$1 programs=$2 pattern=${3:-*} rounds=${4:-7}

# wanted NAME...: does the pattern ask for one of these?
wanted()
{
	for name; do
		# shellcheck disable=SC2254	# it is a pattern
		case "$name" in
		$pattern) return 0 ;;
		esac
	done
	return 1
}

# Where a mapping ends up decides what page tables it finds
echo 0 >/proc/sys/kernel/randomize_va_space

# The driver itself finds no hardware, but its functions are there
modprobe i915
addresses=$(awk '$4 ~ /\[(i915|ttm)\]/ && $3 ~ /^(ttm_pool_(backup|restore_and_alloc)|mock_(gem|destroy)_device|i915_gem_object_create_(region|internal)|__i915_gem_object_(get|put)_pages|i915_gem_flush_free_objects|shmem_sg_(alloc|free)_table)$/ {
	print $3 "=0x" $1 }' /proc/kallsyms)
modprobe drm_shmem_helper 2>/dev/null || :
modprobe drm
# shellcheck disable=SC2086	# words
load() { insmod "$module" only="$pattern" rounds="$rounds" $addresses; }
# For tests/bench/profile, which reads this and does not let it end
if [ "$rounds" -gt 7 ]; then
	load &
	sleep 1
	cat /proc/kallsyms
	echo started
	wait
fi
load

# Out to swap and back, on a disk, on zram and, where it is there, with zswap,
# which comes last: large folios do not go together with it, from then on.  What
# reclaim is asked of is charged to a memory cgroup.
mkdir -p /sys/fs/cgroup/bench
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
swap_cases() { "$programs" "$pattern" "$1"; }
swap_cases swap-disk
swapoff -a
modprobe zram
echo 512M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
swapon /dev/zram0
swap_cases swap-zram
swapoff -a
zswap=/sys/module/zswap/parameters/enabled
if [ -f "$zswap" ]; then
	swapon /dev/vda
	echo 1 >"$zswap"
	swap_cases swap-zswap
	echo 0 >"$zswap"
fi

if wanted sysv-hugetlb/shmget sysv-hugetlb/shmat sysv-hugetlb/life \
	  sysv-hugetlb/first-write sysv-hugetlb/write-again \
	  sysv-hugetlb/read-again sysv-hugetlb/read-again-faults; then
	echo 40 >/proc/sys/vm/nr_hugepages
fi
"$programs" "$pattern"
dmesg | sed -n 's/.*\(BENCH .*\)/\1/p'
! dmesg | sed -n 's/.*\(bench failed: .*\)/\1/p' | grep .
