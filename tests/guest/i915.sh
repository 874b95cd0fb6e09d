#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# i915's mock selftests, which need no hardware, as TAP: one case a subtest,
# and a last one for what i915 says of them all.
#
# usage: i915.sh [SHMEM_ENABLED [FILTER]]	what is written to shmem_enabled,
#	"-" for nothing; i915's st_filter
set -eu
huge=${1:--} filter=${2:-}

debug=/sys/kernel/debug
for faults in failslab fail_page_alloc; do
	echo N >"$debug/$faults/ignore-gfp-wait"
	echo 0 >"$debug/$faults/verbose"
done
echo N >"$debug/fail_page_alloc/ignore-gfp-highmem"
echo 0 >"$debug/fail_page_alloc/min-order"
[ "$huge" = - ] ||
	echo "$huge" >/sys/kernel/mm/transparent_hugepage/shmem_enabled

# So many have to pass, of those that stock has
least=60
[ -z "$filter" ] || least=1

echo "TAP version 13"
dmesg -C
status=0
modprobe i915 mock_selftests=-1 ${filter:+"st_filter=$filter"} || status=$?
# -ENOTTY where all went well; else how the one went that was the last.  The
# module stays in any case.
result=$(cat /sys/module/i915/parameters/mock_selftests) || result=none
dmesg | awk -v status="$status" -v result="$result" -v least="$least" '
	function end_case(how)
	{
		if (name != "") {
			print how " " ++n " " name \
				(skip == "" ? "" : " # SKIP " skip)
			passed += how == "ok" && skip == ""
		}
		name = skip = ""
	}
	{
		print "# " $0
		sub(/^\[[ 0-9.]*\] /, "")
	}
	/^i915: Running / {
		end_case("ok")
		name = $3 ~ /\// ? $3 : ""
	}
	/: skipping, / {
		skip = $0
		sub(/.*: skipping, /, "", skip)
	}
	/failing allocations failed the pin/ {
		if ($4 < 2 || $2 < 1) {
			print "# few failures"
			few = 1
		}
	}
	/failed with error/ { end_case("not ok") }
	END {
		end_case(status ? "not ok" : "ok")
		print "# result " result ", " passed + 0 " passed, " \
			"at least " least " are wanted"
		well = !status && !few && result == -25 && passed >= least
		print (well ? "ok " : "not ok ") ++n " mock_selftests"
		print "1.." n
	}'
