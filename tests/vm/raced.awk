# Does this kernel log's first complaint come from QEMU alone?
#
#	awk -v from=LINE -f raced.awk LOG
#
# Where processors are threads of their own, QEMU's TCG can run a breakpoint
# that the kernel has put in and taken out again while it patched code, and
# that nobody expects any more.  The code that the kernel prints tells it from
# a breakpoint that is there: the byte before the trap is no int3 (cc).
# Exits with 0 if so.

NR < from { next }
NR == from && !/Oops: int3/ { exit }
/ Code: / {
	gone = match($0, / [0-9a-f][0-9a-f] </) && !/ cc </
	exit
}
END { exit !gone }
