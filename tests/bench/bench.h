/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ANON_BENCH_H
#define _ANON_BENCH_H

#include <linux/printk.h>
#include <linux/types.h>

#if __has_include(<linux/anon_object.h>)
#define PORTED 1
#include <linux/anon_object.h>
#else
#define PORTED 0
#endif

struct drm_device;
struct drm_gem_object;

/* What guest.sh looks for, and fails by */
#define bench_failed(format, ...) \
	pr_err("bench failed: " format "\n", ##__VA_ARGS__)

extern u64 bench_clear;
extern unsigned int bench_rounds;
/* Drivers as most are, and as those that have asked for a huge mount */
extern struct drm_device *bench_plain, *bench_huge;

bool bench_wanted(const char *name);
u64 bench_now(void);
u64 bench_since(u64 begin);
void bench_report(const char *name, const char *unit, u64 spent, u64 count);
u64 bench_above_clear(u64 spent, u64 nr_pages);
struct drm_gem_object *bench_object(struct drm_device *dev, size_t size,
				    bool small);

u64 bench_work(void);
int bench_swapped_fd(void);
int bench_swap_command(const char *word, const char *name);
void bench_swap_exit(void);
int bench_i915(void);
int bench_ttm(void);

#endif
