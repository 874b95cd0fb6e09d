/* SPDX-License-Identifier: GPL-2.0 */
/* What programs asks of the module, at /sys/kernel/debug/anon_bench */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include <linux/ioctl.h>

#define BENCH_DEVICE	"/sys/kernel/debug/anon_bench"

/* A view of a new object of that many bytes; stock has none */
#define BENCH_VIEW	_IO('b', 1)

#endif /* BENCH_COMMAND_H */
