/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ANON_BENCH_H
#define _ANON_BENCH_H

#include <linux/types.h>

#if __has_include(<linux/anon_object.h>)
#define PORTED 1
#include <linux/anon_object.h>
#else
#define PORTED 0
#endif

struct drm_device;

extern u64 bench_clear;
extern unsigned int bench_rounds;

bool bench_wanted(const char *name);
u64 bench_now(void);
u64 bench_since(u64 begin);
void bench_report(const char *name, const char *unit, u64 spent, u64 count);
u64 bench_above_clear(u64 spent, u64 nr_pages);

int bench_i915(void);

#endif
