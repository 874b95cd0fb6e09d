#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The base's own tests of who else pins the memory of files, udmabuf and, on a
# kernel with IOMMUFD_TEST, iommufd, in a guest of 4 GiB.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/tap.sh"
bin=$here/../../build/guest/kselftest
pool=/proc/sys/vm/nr_hugepages

# passes PAGES PROGRAM [OPTION]...: with so many huge pages of 2 MiB
passes()
{
	echo "$1" >"$pool"
	passes_program=$2 passes_result=0
	shift 2
	commented stdbuf -oL "$bin/$passes_program" "$@" || passes_result=$?
	echo 0 >"$pool"
	return "$passes_result"
}

plan 3
check "drivers/dma-buf/udmabuf" passes 1040 udmabuf
# The base's mock of a dma-buf's exporter gives 0 in place of the fd
check "iommu/iommufd" passes 160 iommufd -T dmabuf_simple -T dmabuf_revoke
# An emulated processor is not through with that in the 30 seconds it is given
check "iommu/iommufd_fail_nth" passes 16 iommufd_fail_nth -T map_two_domains
finish
