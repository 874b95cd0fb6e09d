#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# stress-ng with --verify, in a guest with less memory than its workers want
# (512 MiB, and a swap disk of 2 GiB): each stressor must swap both ways,
# find every byte as it left it, and leave nothing behind.
#
# usage: stress.sh [SECONDS]	a stressor, 20 if not given
set -eu
here=$(dirname -- "$0")
. "$here/tap.sh"
seconds=${1:-20}

# Most run beside a hog, which takes nearly all of the memory: what they could
# fill by themselves in that time would fit in.
hog()
{
	echo --vm 1 --vm-bytes "$1" --vm-keep
}

stressor()
{
	case $1 in
	shm) echo --shm 2 --shm-bytes 64M --shm-objs 4 "$(hog 460M)" ;;
	shm-sysv) echo --shm-sysv 2 --shm-sysv-bytes 256M --shm-sysv-segs 8 \
			"$(hog 400M)" ;;
	memfd) echo --memfd 2 --memfd-bytes 256M --memfd-fds 8 "$(hog 440M)" ;;
	mmap) echo --mmap 2 --mmap-bytes 64M "$(hog 460M)" ;;
	vm) echo --vm 2 --vm-bytes 900M --vm-keep --vm-method flip ;;
	esac
}

# stress NAME SECONDS: it must end well; has it done something?
stress()
{
	log=$(mktemp)
	# shellcheck disable=SC2046	# words
	stress-ng --verify --metrics-brief --temp-path /tmp \
		--timeout "$2" $(stressor "$1") >"$log" 2>&1 || failed=1
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
	stress "$1" "$seconds"
	if [ "$failed$did" = 00 ]; then
		note "$1 has done nothing yet: once more, for longer"
		stress "$1" $((5 * seconds))
	fi
	[ "$failed$did" = 01 ]
}

note "$(meminfo_of MemTotal) kB memory, $(meminfo_of SwapTotal) kB swap"
# POSIX shared memory is a tmpfs of half the memory by default
mount -o remount,size=2G /dev/shm

before_segments=$(segments)
before_objects=$(objects)
before_pool=$(huge_pages)

plan 18
for name in shm shm-sysv memfd mmap vm; do
	in=$(vmstat_of pswpin)
	out=$(vmstat_of pswpout)
	start=$(date +%s)
	check "stress-ng $name" run_stressor "$name"
	note "$name took $(($(date +%s) - start)) s"
	check "$name swapped out" grew pswpout "$out"
	check "$name swapped in" grew pswpin "$in"
done
check "no segment left" same segments "$before_segments" segments
check "no object left" same objects "$before_objects" objects
check "huge pages as before" same "huge pages" "$before_pool" huge_pages
finish
