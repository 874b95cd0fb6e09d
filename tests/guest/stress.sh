#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# stress-ng with --verify, in a guest with less memory than its workers want
# (512 MiB, and a swap disk of 2 GiB): what each stressor has must go to swap
# and come back, every byte as it left it, and nothing may be left behind.
#
# usage: stress.sh [SECONDS]	a stressor, 20 if not given
set -eu
here=$(dirname -- "$0")
. "$here/tap.sh"
seconds=${1:-20}

# What they could fill by themselves in that time would fit in: all but one have
# a memory cgroup that is smaller than what they take.
cgroup=/sys/fs/cgroup/stress
high=16M

stressor()
{
	case $1 in
	shm) echo --shm 2 --shm-bytes 32M --shm-objs 4 ;;
	shm-sysv) echo --shm-sysv 2 --shm-sysv-bytes 32M --shm-sysv-segs 8 ;;
	memfd) echo --memfd 2 --memfd-bytes 64M --memfd-fds 8 ;;
	mmap) echo --mmap 2 --mmap-bytes 64M ;;
	vm) echo --vm 2 --vm-bytes 900M --vm-keep --vm-method flip ;;
	esac
}

# swapped: kB that the cgroup has in swap but for what its processes have there
# as their own, which leaves objects
swapped()
{
	while read -r pid; do
		sed -n 's/^VmSwap://p' "/proc/$pid/status" 2>/dev/null || :
	done <"$cgroup/cgroup.procs" |
	awk -v all="$(cat "$cgroup/memory.swap.current")" '
		{ own += $1 }
		END { print int(all / 1024) - own }'
}

# watch FILE: keep there the most that objects have had in swap at a time
watch()
{
	most=0
	while sleep 0.5; do
		now=$(swapped)
		[ "$now" -le "$most" ] || most=$now
		echo "$most" >"$1"
	done
}

# stress NAME SECONDS: it must end well; has it done something?
stress()
{
	log=$(mktemp)
	# shellcheck disable=SC2046	# words
	(
		[ "$1" = vm ] || echo 0 >"$cgroup/cgroup.procs"
		exec stress-ng --verify --metrics-brief --temp-path /tmp \
			--timeout "$2" $(stressor "$1")
	) >"$log" 2>&1 || failed=1
	sed 's/^/# /' "$log"
	did=0
	awk -v name="$1" '$2 == "metrc:" && $4 == name && $5 > 0 { did = 1 }
		END { exit !did }' "$log" && did=1
	rm -f "$log"
}

# Some operations count when they have been through all of the memory, which
# may take a slow machine longer
run_stressor()
{
	failed=0
	echo 0 >"$most_swapped"
	watch "$most_swapped" &
	watcher=$!
	stress "$1" "$seconds"
	if [ "$failed" = 0 ] && ! { [ "$did" = 1 ] && swapped_enough "$1"; }; then
		note "$1 has not done enough yet: once more, for longer"
		stress "$1" $((5 * seconds))
	fi
	kill "$watcher"
	wait "$watcher" || :
	[ "$failed$did" = 01 ]
}

# More than may be between looking at one process and at the next
swapped_enough()
{
	case $1 in
	shm | shm-sysv | memfd) [ "$(cat "$most_swapped")" -gt 1024 ] ;;
	esac
}

# was_swapped: the objects of the last stressor
was_swapped()
{
	note "at most $(cat "$most_swapped") kB of them in swap"
	swapped_enough "$1"
}

note "$(meminfo_of MemTotal) kB memory, $(meminfo_of SwapTotal) kB swap"
# POSIX shared memory is a tmpfs of half the memory by default
mount -o remount,size=2G /dev/shm

before_segments=$(segments)
before_objects=$(objects)
before_pool=$(huge_pages)

most_swapped=$(mktemp)
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir "$cgroup"
echo "$high" >"$cgroup/memory.high"

plan 18
for name in shm shm-sysv memfd mmap vm; do
	in=$(vmstat_of pswpin)
	out=$(vmstat_of pswpout)
	start=$(date +%s)
	check "stress-ng $name" run_stressor "$name"
	note "$name took $(($(date +%s) - start)) s"
	case $name in
	shm | shm-sysv | memfd)
		check "$name's objects were in swap" was_swapped "$name"
		;;
	*)
		check "$name swapped out" grew pswpout "$out"
		;;
	esac
	check "$name swapped in" grew pswpin "$in"
done
rmdir "$cgroup"
check "no segment left" same segments "$before_segments" segments
check "no object left" same objects "$before_objects" objects
check "huge pages as before" same "huge pages" "$before_pool" huge_pages
finish
