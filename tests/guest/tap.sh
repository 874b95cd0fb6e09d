# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What the shell drivers of the guest tests share: TAP and the kernel's
# counters. A driver sources it, calls plan, then one of the checks as often
# as planned, and ends with finish.

tap_number=0
tap_planned=0
tap_failed=0

plan()
{
	tap_planned=$1
	echo "TAP version 13"
	echo "1..$1"
}

# check NAME COMMAND...: ok if the command succeeds.
check()
{
	tap_name=$1
	shift
	tap_number=$((tap_number + 1))
	if "$@"; then
		echo "ok $tap_number $tap_name"
	else
		echo "not ok $tap_number $tap_name"
		tap_failed=$((tap_failed + 1))
	fi
}

finish()
{
	echo "# $((tap_number - tap_failed)) of $tap_planned passed"
	[ "$tap_failed" = 0 ] && [ "$tap_number" = "$tap_planned" ]
	exit
}

note()
{
	echo "# $*"
}

# A command's output as TAP comments, with the command's status.
commented()
{
	tap_status=$(mktemp)
	{
		"$@" 2>&1 && echo 0 >"$tap_status" || echo $? >"$tap_status"
	} | sed 's/^/# /'
	tap_result=$(cat "$tap_status")
	rm -f "$tap_status"
	return "$tap_result"
}

vmstat_of()
{
	awk -v key="$1" '$1 == key { print $2 }' /proc/vmstat
}

meminfo_of()
{
	awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo
}

# grew NAME BEFORE: a counter of /proc/vmstat is larger than it was.
grew()
{
	grew_now=$(vmstat_of "$1")
	note "$1: $((grew_now - $2)) pages"
	[ "$grew_now" -gt "$2" ]
}

# What may not be left behind: segments, objects, huge pages.
segments()
{
	awk 'NR > 1' /proc/sysvipc/shm
}

# Nothing but the objects' own lines: totals and the header change.
objects()
{
	[ -r /sys/kernel/debug/anon_objects ] || return 0
	awk 'NR > 1 && !/^#/ { print $1, $2, $3, $4 }' \
		/sys/kernel/debug/anon_objects | sort
}

huge_pages()
{
	awk '/^HugePages_(Total|Free|Rsvd|Surp)/ { print $1, $2 }' \
		/proc/meminfo
}

# same NAME BEFORE COMMAND...: the command soon prints what it printed before.
# Files are freed a moment after their last user is gone, hence "soon".
same()
{
	same_name=$1 same_before=$2 same_tries=0
	shift 2
	while [ "$("$@")" != "$same_before" ]; do
		same_tries=$((same_tries + 1))
		if [ "$same_tries" -ge 20 ]; then
			note "$same_name before:"
			echo "$same_before" | sed 's/^/#   /'
			note "$same_name now:"
			"$@" | sed 's/^/#   /'
			return 1
		fi
		sleep 0.5
	done
}
