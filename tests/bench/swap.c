// SPDX-License-Identifier: GPL-2.0
/*
 * Out to swap and back, and memory of which half is taken in single pages.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/vmstat.h>
#include <uapi/linux/sched/types.h>

#include <drm/drm_gem.h>

#include "bench.h"
#include "command.h"

/* --- what the whole machine does --------------------------------------------- */

/*
 * The calling task is not all that works on swap: there are completions, reclaim
 * on behalf of others, kworkers.  And as the clock of -icount jumps while the
 * processor is idle, and the kernel's idle time does not follow it exactly,
 * neither the clock nor the time without idle is a measure.  So the processor is
 * kept from idling, by a task that anything else takes it from at once, and
 * which counts its rounds: what is not spent on these has been spent on work, be
 * it in an interrupt.  It is exact to a round, but for the timer's ticks while
 * there was nothing else to do.
 */
static struct task_struct *spinner;
static u64 spins, spin_picoseconds;

static bool spin_is_over(void)
{
	return read_thread_flags() & (_TIF_NEED_RESCHED |
				      _TIF_NEED_RESCHED_LAZY);
}

static noinline void spin(unsigned int rounds)
{
	while (rounds-- && !spin_is_over())
		WRITE_ONCE(spins, spins + 1);
}

static int spinner_run(void *unused)
{
	while (!kthread_should_stop()) {
		spin(100000);
		if (spin_is_over())
			schedule();
	}
	return 0;
}

static void measure_spin(void)
{
	u64 begin, before = spins;

	local_irq_disable();
	begin = ktime_get_ns();
	spin(1000000);
	begin = ktime_get_ns() - begin;
	local_irq_enable();
	if (spins != before)
		spin_picoseconds = div64_u64(begin * 1000, spins - before);
}

static int spin_start(void)
{
	const struct sched_attr idle = {
		.size = sizeof(idle),
		.sched_policy = SCHED_IDLE,
	};

	if (spinner)
		return 0;
	measure_spin();
	spinner = kthread_create(spinner_run, NULL, "bench_spinner");
	if (IS_ERR(spinner)) {
		int err = PTR_ERR(spinner);

		spinner = NULL;
		return err;
	}
	sched_setattr_nocheck(spinner, &idle);
	wake_up_process(spinner);
	return 0;
}

static void spin_stop(void)
{
	if (spinner)
		kthread_stop(spinner);
	spinner = NULL;
}

/* In nanoseconds, which are instructions */
u64 bench_work(void)
{
	u64 at = ktime_get_ns();

	return at - div64_u64(spins * spin_picoseconds, 1000);
}

/* --- what is swapped --------------------------------------------------------- */

static struct drm_gem_object *swapped;

static struct address_space *swapped_mapping(void)
{
#if PORTED
	return swapped->anon->inode->i_mapping;
#else
	return swapped->filp->f_mapping;
#endif
}

/* Pages of which zswap's and zram's compressors leave something */
static int swap_fill(void)
{
	struct page **pages = drm_gem_get_pages(swapped);
	unsigned int i;

	if (IS_ERR(pages))
		return PTR_ERR(pages);
	for (i = 0; i < BENCH_SWAPPED >> PAGE_SHIFT; i++) {
		u32 *words = kmap_local_page(pages[i]);
		unsigned int j;

		for (j = 0; j < PAGE_SIZE / sizeof(*words); j++)
			words[j] = j % 4 ? j : (i + 1) * 2654435761u + j * j;
		kunmap_local(words);
	}
	drm_gem_put_pages(swapped, pages, true, false);
	return 0;
}

static void swap_end(void)
{
	if (swapped)
		drm_gem_object_put(swapped);
	swapped = NULL;
}

/* Stock has large folios on a mount of its own only, and ported by default */
static int swap_new(const char *kind)
{
	bool small = !strcmp(kind, "small");

	swap_end();
	swapped = bench_object(small ? bench_plain : bench_huge, BENCH_SWAPPED,
			       small);
	return swapped ? swap_fill() : -ENOMEM;
}

/* To the page: not every count of a processor's has got there yet */
static long node_stat(enum node_stat_item item)
{
	long count = atomic_long_read(&vm_node_stat[item]);
	int cpu;

	for_each_online_cpu(cpu)
		count += per_cpu_ptr(NODE_DATA(0)->per_cpu_nodestats,
				     cpu)->vm_node_stat_diff[item];
	return count;
}

/* Nobody else has anything in swap */
static unsigned long pages_left(void)
{
	return swapped_mapping()->nrpages + node_stat(NR_SWAPCACHE);
}

/* By way of the memory cgroup that has been charged for the object, alone */
static void reclaim(unsigned long nr_pages)
{
	struct file *file;
	char bytes[24];
	loff_t pos = 0;

	file = filp_open("/sys/fs/cgroup/bench/memory.reclaim", O_WRONLY, 0);
	if (IS_ERR(file)) {
		bench_failed("no memory cgroup: %ld", PTR_ERR(file));
		return;
	}
	scnprintf(bytes, sizeof(bytes), "%lu", nr_pages << PAGE_SHIFT);
	/* -EAGAIN: not all of it, yet */
	kernel_write(file, bytes, strlen(bytes), &pos);
	fput(file);
}

static void wait_until_written(void)
{
	while (node_stat(NR_WRITEBACK))
		schedule_timeout_uninterruptible(1);
}

#define RECLAIMS 100

/*
 * Until all of the memory is free.  What has been written is still in memory,
 * until reclaim comes by it once more.
 */
static int swap_out_all(bool direct)
{
	unsigned int i;

	if (direct) {
#if PORTED
		long ret = anon_object_swap_out(swapped->anon, 0,
						BENCH_SWAPPED);

		if (ret < 0)
			return ret;
#else
		return -EOPNOTSUPP;
#endif
	} else {
		reclaim(pages_left());
	}
	for (i = 0; i < RECLAIMS && pages_left(); i++) {
		wait_until_written();
		reclaim(pages_left());
	}
	return pages_left() ? -EBUSY : 0;
}

static int swap_out(const char *name, bool direct)
{
	u64 begin = bench_work(), spent;
	int err = swap_out_all(direct);

	spent = bench_work() - begin;
	if (err)
		bench_failed("%s: %d, %lu pages are left", name, err,
			     pages_left());
	else if (*name)
		bench_report(name, "a_page", spent,
			     BENCH_SWAPPED >> PAGE_SHIFT);
	return err;
}

static int swap_back(const char *name)
{
	struct page **pages;
	u64 begin, spent;

	if (pages_left()) {
		bench_failed("%s: %lu pages are in memory", name, pages_left());
		return -EBUSY;
	}
	begin = bench_work();
	pages = drm_gem_get_pages(swapped);
	spent = bench_work() - begin;
	if (IS_ERR(pages)) {
		bench_failed("%s: %ld", name, PTR_ERR(pages));
		return PTR_ERR(pages);
	}
	bench_report(name, "a_page", spent, BENCH_SWAPPED >> PAGE_SHIFT);
	drm_gem_put_pages(swapped, pages, false, false);
	return 0;
}

/* What user space maps */
int bench_swapped_fd(void)
{
	struct file *file;
	int fd;
#if PORTED
	const struct anon_view_attrs attrs = { .flags = O_RDWR };
#endif

	if (!swapped)
		return -EINVAL;
#if PORTED
	file = anon_object_view(swapped->anon, &attrs);
	if (IS_ERR(file))
		return PTR_ERR(file);
#else
	file = get_file(swapped->filp);
#endif
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}

/* --- memory in pieces -------------------------------------------------------- */

static LIST_HEAD(fragments);

static void mend(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &fragments, lru)
		__free_page(page);
	INIT_LIST_HEAD(&fragments);
}

/*
 * All there is of one mobility, which each have lists of their own.  What lies on
 * a processor's lists is not counted as free, so no watermark is to be looked at.
 */
static void take(gfp_t mobility)
{
	const gfp_t gfp = mobility | __GFP_NOWARN | __GFP_MEMALLOC;
	struct page *page;
	int order, i;

	for (order = MAX_PAGE_ORDER; order >= 0; order--) {
		while ((page = alloc_pages(gfp, order))) {
			split_page(page, order);
			for (i = 0; i < 1 << order; i++)
				list_add(&page[i].lru, &fragments);
		}
	}
}

/* Leave every second page of what is free, so that there are only single ones */
static void fragment(void)
{
	struct page *page, *next;

	take(__GFP_MOVABLE);
	take(__GFP_RECLAIMABLE);
	take(0);
	list_for_each_entry_safe(page, next, &fragments, lru) {
		if (page_to_pfn(page) % 2)
			continue;
		list_del(&page->lru);
		__free_page(page);
	}
}

/* --- what user space asks for ------------------------------------------------ */

/* What there need be no object for */
static int machine_command(const char *word)
{
	if (!strcmp(word, "spin"))
		return spin_start();
	if (!strcmp(word, "rest"))
		spin_stop();
	else if (!strcmp(word, "fragment"))
		fragment();
	else if (!strcmp(word, "mend"))
		mend();
	else if (!strcmp(word, "end"))
		swap_end();
	else
		return -ENOENT;
	return 0;
}

int bench_swap_command(const char *word, const char *name)
{
	int err = machine_command(word);

	if (err != -ENOENT)
		return err;
	if (!strcmp(word, "new"))
		return swap_new(name);
	if (!swapped)
		return -ENOENT;
	if (!strcmp(word, "fill"))
		return swap_fill();
	if (!strcmp(word, "out"))
		return swap_out(name, false);
	if (!strcmp(word, "out-direct"))
		return swap_out(name, true);
	if (!strcmp(word, "back"))
		return swap_back(name);
	return -ENOENT;
}

void bench_swap_exit(void)
{
	spin_stop();
	swap_end();
	mend();
}
