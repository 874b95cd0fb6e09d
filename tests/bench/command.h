/* SPDX-License-Identifier: GPL-2.0 */
/* What programs asks of the module, at /sys/kernel/debug/anon_bench */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BENCH_DEVICE	"/sys/kernel/debug/anon_bench"

#define BENCH_SWAPPED	(32UL << 20)

/* A view of a new object of that many bytes; stock has none */
#define BENCH_VIEW		_IO('b', 1)
/* A file of the object that has been swapped out */
#define BENCH_SWAPPED_FD	_IO('b', 2)
/* What the machine has done, in instructions, while there is a spinner */
#define BENCH_WORK		_IOR('b', 3, __u64)

/*
 * The same copy wherever the benchmark itself copies, for each way to do it has
 * its own number of instructions
 */
static inline void bench_copy(void *to, const void *from, unsigned long len)
{
	unsigned long words = len / 8;

	asm volatile("rep movsq"
		     : "+D" (to), "+S" (from), "+c" (words) : : "memory");
}

#endif /* BENCH_COMMAND_H */
