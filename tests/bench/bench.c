// SPDX-License-Identifier: GPL-2.0
/*
 * The same work on a stock and on a ported kernel, in guest instructions: under
 * QEMU's -icount, one instruction is one nanosecond of the guest's clock.
 *
 * Loading the module runs the cases whose names match "only", each several
 * times, and prints "BENCH case unit value" for each time.  What has to be done
 * by user space in between is asked for by writing a word to
 * /sys/kernel/debug/anon_bench.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/glob.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/kernel_stat.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/platform_device.h>
#include <linux/random.h>
#include <linux/shmem_fs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>

#include "bench.h"
#include "command.h"

static char *only = "*";
module_param(only, charp, 0400);
unsigned int bench_rounds = 7;
module_param_named(rounds, bench_rounds, uint, 0400);

u64 bench_clear;

static struct platform_device *parent;
/* Drivers as most are, and as those that have asked for a huge mount */
static struct drm_device *plain, *huge;

/* --- measuring -------------------------------------------------------------- */

bool bench_wanted(const char *name)
{
	return glob_match(only, name);
}

/*
 * What the processor has done; waiting for a disk is not work.  Not inlined, for
 * tests/bench/profile looks for the calls.
 */
noinline u64 bench_now(void)
{
	int cpu = raw_smp_processor_id();

	return ktime_get_ns() - kcpustat_field_idle(cpu) -
	       kcpustat_field_iowait(cpu);
}

/* What asking twice costs */
static u64 bench_cost;

u64 bench_since(u64 begin)
{
	u64 spent = bench_now() - begin;

	/* The clock has been set back by an idle time that is not right */
	if ((s64)spent < 0)
		return spent;
	return spent > bench_cost ? spent - bench_cost : 0;
}

static void measure_cost(void)
{
	u64 best = U64_MAX, begin;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		begin = bench_now();
		best = min(best, bench_now() - begin);
	}
	bench_cost = best;
}

void bench_report(const char *name, const char *unit, u64 spent, u64 count)
{
	u64 milli = div64_u64(spent * 1000, count);

	/* More idle than there was time: not a figure to be believed */
	if ((s64)spent < 0) {
		pr_err("%s: idle time is not right\n", name);
		return;
	}
	pr_info("BENCH %s %s %llu.%03llu\n", name, unit, milli / 1000,
		milli % 1000);
}

u64 bench_above_clear(u64 spent, u64 nr_pages)
{
	u64 clear = bench_clear * nr_pages;

	return spent > clear ? spent - clear : 0;
}

static void measure_clear(void)
{
	u64 best = U64_MAX, begin;
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int i;

	if (!page)
		return;
	for (i = 0; i < 100; i++) {
		begin = bench_now();
		clear_page(page_address(page));
		best = min(best, bench_since(begin));
	}
	__free_page(page);
	bench_clear = best;
	bench_report("clear", "a_page", best, 1);
}

/* --- objects ---------------------------------------------------------------- */

static void object_free(struct drm_gem_object *obj)
{
	drm_gem_object_release(obj);
	kfree(obj);
}

static const struct drm_gem_object_funcs object_funcs = {
	.free = object_free,
};

static struct drm_gem_object *object_new(struct drm_device *dev, size_t size,
					 bool small)
{
	struct drm_gem_object *obj = kzalloc(sizeof(*obj), GFP_KERNEL);
	int err;

	if (!obj)
		return NULL;
	obj->funcs = &object_funcs;
#if PORTED
	if (small) {
		const struct anon_object_attrs attrs = {
			.huge = ANON_OBJECT_HUGE_NEVER,
		};

		err = drm_gem_object_init_attrs(dev, obj, size, &attrs);
	} else
#endif
		err = drm_gem_object_init(dev, obj, size);
	if (err) {
		kfree(obj);
		return NULL;
	}
	return obj;
}

#define CREATED 500

static void bench_create(void)
{
	struct drm_gem_object **objs;
	unsigned int i, round;
	u64 begin, spent;

	if (!bench_wanted("gem/create"))
		return;
	objs = kvcalloc(CREATED, sizeof(*objs), GFP_KERNEL);
	for (i = 0; i < CREATED; i++)
		objs[i] = kzalloc(sizeof(**objs), GFP_KERNEL);
	for (round = 0; round < bench_rounds; round++) {
		begin = bench_now();
		for (i = 0; i < CREATED; i++)
			WARN_ON(drm_gem_object_init(plain, objs[i], SZ_64K));
		spent = bench_since(begin);
		bench_report("gem/create", "an_object", spent, CREATED);
		for (i = 0; i < CREATED; i++) {
			drm_gem_object_release(objs[i]);
			memset(objs[i], 0, sizeof(**objs));
		}
		flush_delayed_fput();
	}
	for (i = 0; i < CREATED; i++)
		kfree(objs[i]);
	kvfree(objs);
}

/* How often a size is repeated in a round, for small ones take little time */
static unsigned int repeat(size_t size)
{
	return max_t(size_t, 1, SZ_4M / size);
}

struct pin_names {
	const char *first, *again, *unpin;
};

static void pins_round(struct drm_device *dev, size_t size, bool small,
		       const struct pin_names *names)
{
	unsigned int i, n = repeat(size);
	u64 nr_pages = size >> PAGE_SHIFT;
	u64 begin, first = 0, again = 0, unpin = 0;

	for (i = 0; i < n; i++) {
		struct drm_gem_object *obj = object_new(dev, size, small);
		struct page **pages;

		if (!obj)
			return;
		begin = bench_now();
		pages = drm_gem_get_pages(obj);
		first += bench_since(begin);
		if (IS_ERR(pages)) {
			pr_err("no memory for %s\n", names->first);
			drm_gem_object_put(obj);
			return;
		}
		drm_gem_put_pages(obj, pages, true, true);

		begin = bench_now();
		pages = drm_gem_get_pages(obj);
		again += bench_since(begin);

		begin = bench_now();
		drm_gem_put_pages(obj, pages, true, true);
		unpin += bench_since(begin);
		drm_gem_object_put(obj);
	}
	flush_delayed_fput();
	bench_report(names->first, "a_page_above_clear",
		     bench_above_clear(first, n * nr_pages), n * nr_pages);
	bench_report(names->again, "a_page", again, n * nr_pages);
	bench_report(names->unpin, "a_page", unpin, n * nr_pages);
}

static void bench_pins(struct drm_device *dev, size_t size, bool small,
		       const struct pin_names *names)
{
	unsigned int round;

	if (!bench_wanted(names->first) && !bench_wanted(names->again) &&
	    !bench_wanted(names->unpin))
		return;
	for (round = 0; round < bench_rounds; round++)
		pins_round(dev, size, small, names);
}

#define PIN_NAMES(kind, size)				\
	(&(const struct pin_names) {			\
		.first = kind "/first-pin/" size,	\
		.again = kind "/pin-again/" size,	\
		.unpin = kind "/unpin/" size,		\
	})

static void bench_all_pins(void)
{
	bench_pins(plain, SZ_1M, false, PIN_NAMES("gem", "1M"));
	bench_pins(plain, SZ_64M, false, PIN_NAMES("gem", "64M"));
	bench_pins(huge, SZ_1M, false, PIN_NAMES("gem-huge", "1M"));
	bench_pins(huge, SZ_64M, false, PIN_NAMES("gem-huge", "64M"));
	bench_pins(plain, SZ_64K, false, PIN_NAMES("gem", "64K"));
	bench_pins(plain, SZ_2M + SZ_1M + SZ_256K, false,
		   PIN_NAMES("gem", "3.25M"));
	bench_pins(plain, SZ_1M, true, PIN_NAMES("gem-small", "1M"));
	bench_pins(plain, SZ_64M, true, PIN_NAMES("gem-small", "64M"));
}

static void bench_entries(void)
{
	unsigned int round;

	if (!bench_wanted("gem/sg-entries/1M"))
		return;
	for (round = 0; round < bench_rounds; round++) {
		struct drm_gem_shmem_object *shmem;
		struct sg_table *sgt;

		shmem = drm_gem_shmem_create(plain, SZ_1M);
		if (IS_ERR(shmem))
			return;
		sgt = drm_gem_shmem_get_pages_sgt(shmem);
		if (!IS_ERR(sgt))
			bench_report("gem/sg-entries/1M", "entries",
				     sgt->orig_nents, 1);
		drm_gem_object_put(&shmem->base);
	}
}

static void bench_vmap(void)
{
	struct drm_gem_shmem_object *shmem;
	struct iosys_map map;
	unsigned int round;
	u64 begin, spent;

	if (!bench_wanted("gem/vmap/16M"))
		return;
	shmem = drm_gem_shmem_create(plain, SZ_16M);
	if (IS_ERR(shmem))
		return;
	/* All of it is in memory from the second time on */
	for (round = 0; round <= bench_rounds; round++) {
		begin = bench_now();
		if (drm_gem_vmap(&shmem->base, &map))
			break;
		drm_gem_vunmap(&shmem->base, &map);
		spent = bench_since(begin);
		if (round)
			bench_report("gem/vmap/16M", "a_page", spent,
				     SZ_16M >> PAGE_SHIFT);
	}
	drm_gem_object_put(&shmem->base);
}

/* Pin to a table what is in memory already */
static u64 pin_table(struct drm_gem_object *obj)
{
	struct sg_table table, *sgt = &table;
	u64 begin, spent;
#if PORTED
	begin = bench_now();
	if (anon_object_pin_sgt(obj->anon, 0, obj->size, UINT_MAX, sgt))
		return 0;
	spent = bench_since(begin);
	anon_object_unpin_sgt(obj->anon, sgt, 0);
#else
	struct page **pages;

	begin = bench_now();
	pages = drm_gem_get_pages(obj);
	if (IS_ERR(pages))
		return 0;
	sgt = drm_prime_pages_to_sg(obj->dev, pages, obj->size >> PAGE_SHIFT);
	spent = bench_since(begin);
	if (!IS_ERR(sgt)) {
		sg_free_table(sgt);
		kfree(sgt);
	}
	drm_gem_put_pages(obj, pages, false, false);
#endif
	return spent;
}

static void bench_sizes(void)
{
	static const struct {
		const char *name;
		size_t size;
	} sizes[] = {
		{ "gem/pin-sgt/4K", SZ_4K },
		{ "gem/pin-sgt/64K", SZ_64K },
		{ "gem/pin-sgt/1M", SZ_1M },
		{ "gem/pin-sgt/16M", SZ_16M },
		{ "gem/pin-sgt/256M", SZ_256M },
		{ "gem/pin-sgt/1G", SZ_1G },
	};
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct drm_gem_object *obj;

		if (!bench_wanted(sizes[i].name))
			continue;
		obj = object_new(plain, sizes[i].size, false);
		if (!obj || !pin_table(obj)) {
			pr_err("no memory for %s\n", sizes[i].name);
			continue;
		}
		for (round = 0; round < bench_rounds; round++)
			bench_report(sizes[i].name, "an_object",
				     pin_table(obj), 1);
		drm_gem_object_put(obj);
		flush_delayed_fput();
	}
}

/* --- what is not there must not cost ----------------------------------------- */

#if PORTED
enum { SPARSE_CREATE, SPARSE_PIN, SPARSE_UNPIN, SPARSE_STAT, SPARSE_PUNCH,
       SPARSE_STEPS };

static const char * const sparse_names[] = {
	"create", "pin", "unpin", "stat", "punch",
};

/* Each step once; what is pinned is the end of it */
static int sparse_once(loff_t size, size_t pinned, u64 *spent)
{
	const struct anon_object_attrs attrs = {
		.name = "bench",
		.size = size,
		.huge = ANON_OBJECT_HUGE_WITHIN_SIZE,
		.flags = ANON_OBJECT_NORESERVE,
	};
	struct anon_object_stat stat;
	struct anon_object *obj;
	struct sg_table sgt;
	u64 begin;
	int err;

	begin = bench_now();
	obj = anon_object_create(&attrs);
	spent[SPARSE_CREATE] += bench_since(begin);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	begin = bench_now();
	err = anon_object_pin_sgt(obj, size - pinned, pinned, UINT_MAX, &sgt);
	spent[SPARSE_PIN] += bench_since(begin);
	if (!err) {
		begin = bench_now();
		anon_object_unpin_sgt(obj, &sgt, ANON_OBJECT_DIRTY);
		spent[SPARSE_UNPIN] += bench_since(begin);
	}

	begin = bench_now();
	anon_object_stat(obj, &stat);
	spent[SPARSE_STAT] += bench_since(begin);

	begin = bench_now();
	err = err ?: anon_object_punch(obj, 0, size);
	spent[SPARSE_PUNCH] += bench_since(begin);
	anon_object_put(obj);
	return err;
}

/* What it takes in hundredths of what an object takes that has no holes */
static void bench_sparse_at(const char *name, loff_t size, loff_t dense,
			    size_t pinned, unsigned int times)
{
	char row[40];
	unsigned int round, i;

	snprintf(row, sizeof(row), "%s/pin", name);
	if (!bench_wanted(row))
		return;
	for (round = 0; round < bench_rounds; round++) {
		u64 large[SPARSE_STEPS] = {}, small[SPARSE_STEPS] = {};

		for (i = 0; i < times; i++) {
			if (sparse_once(size, pinned, large) ||
			    sparse_once(dense, pinned, small)) {
				pr_err("%s: failed\n", name);
				return;
			}
		}
		for (i = 0; i < SPARSE_STEPS; i++) {
			snprintf(row, sizeof(row), "%s/%s", name,
				 sparse_names[i]);
			bench_report(row, "percent", large[i] * 100, small[i]);
		}
	}
}

static void bench_sparse(void)
{
	/* A table of 64 GiB has as many levels as one of 2 TiB */
	bench_sparse_at("sparse-64G", 64ULL * SZ_1G, SZ_2M, PAGE_SIZE, 100);
	bench_sparse_at("sparse-1T", 1024ULL * SZ_1G, SZ_1G, SZ_1G, 1);
}
#else
static void bench_sparse(void)
{
}
#endif

/* --- what has to do with swap ------------------------------------------------ */

#define SWAPPED SZ_64M

static struct drm_gem_object *swapped;

/* Pages that neither zswap's nor zram's compressor makes nothing of */
static void swap_fill(void)
{
	struct page **pages = drm_gem_get_pages(swapped);
	unsigned int i;

	if (IS_ERR(pages))
		return;
	for (i = 0; i < SWAPPED >> PAGE_SHIFT; i++) {
		u32 *words = kmap_local_page(pages[i]);
		unsigned int j;

		for (j = 0; j < PAGE_SIZE / sizeof(*words); j++)
			words[j] = j % 4 ? j : (i + 1) * 2654435761u + j * j;
		kunmap_local(words);
	}
	drm_gem_put_pages(swapped, pages, true, false);
}

/*
 * What the calling task has done.  Under -icount the clock jumps while the
 * processor is idle, and the idle time that the kernel accounts is not exact
 * then; what a task has run is, once it has slept.
 */
static u64 task_now(void)
{
	schedule_timeout_uninterruptible(1);
	return current->se.sum_exec_runtime;
}

static int reclaim(const char *bytes)
{
	struct file *file;
	ssize_t done;
	loff_t pos = 0;

	file = filp_open("/sys/fs/cgroup/bench/memory.reclaim", O_WRONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	done = kernel_write(file, bytes, strlen(bytes), &pos);
	fput(file);
	return done < 0 ? done : 0;
}

/*
 * Until the memory is free.  Stock has no function for it: i915's loop over
 * writeback_iter() writes nothing, for it looks for folios that are tagged
 * dirty, and shmem does not tag them.  So reclaim has to, by way of the task's
 * memory cgroup; which is also who frees what has been written by then.
 */
static int swap_out_all(void)
{
#if PORTED
	long ret = anon_object_swap_out(swapped->anon, 0, SWAPPED);

	if (ret < 0)
		return ret;
	/* The disk is not waited for by the task; -EAGAIN: all is free already */
	msleep(1000);
	reclaim("64M");
	return 0;
#else
	return reclaim("64M");
#endif
}

static void swap_out(const char *name)
{
	u64 begin = task_now();
	int err = swap_out_all();

	if (err)
		pr_err("could not be swapped out: %d\n", err);
	bench_report(name, "a_page", task_now() - begin, SWAPPED >> PAGE_SHIFT);
}

static u64 resident_pages(const struct drm_gem_object *obj)
{
#if PORTED
	return obj->anon->inode->i_mapping->nrpages;
#else
	return obj->filp->f_mapping->nrpages;
#endif
}

static void swap_back(const char *name)
{
	u64 resident = resident_pages(swapped);
	u64 begin = task_now(), spent;
	struct page **pages;

	if (resident) {
		pr_err("%llu pages are in memory still\n", resident);
		return;
	}
	pages = drm_gem_get_pages(swapped);
	spent = task_now() - begin;
	if (IS_ERR(pages)) {
		pr_err("could not be swapped in: %ld\n", PTR_ERR(pages));
		return;
	}
	bench_report(name, "a_page", spent, SWAPPED >> PAGE_SHIFT);
	drm_gem_put_pages(swapped, pages, false, false);
}

/* --- one object four ways ---------------------------------------------------- */

#define DESIGN SZ_4M

static u8 *design_buf;

static void design_vfs(void)
{
	struct file *file;
	loff_t pos = 0;

	file = shmem_file_setup("bench", DESIGN, EMPTY_VMA_FLAGS);
	if (IS_ERR(file))
		return;
	/* There is no pinning what a file has, but for reading it all */
	kernel_write(file, design_buf, DESIGN, &pos);
	pos = 0;
	kernel_read(file, design_buf, DESIGN, &pos);
	fput(file);
}

static void design_copy(struct page **pages, bool write)
{
	unsigned int i;

	for (i = 0; i < DESIGN >> PAGE_SHIFT; i++) {
		u8 *buf = design_buf + i * PAGE_SIZE;

		if (write)
			memcpy_to_page(pages[i], 0, buf, PAGE_SIZE);
		else
			memcpy_from_page(buf, pages[i], 0, PAGE_SIZE);
	}
}

static void design_shmem(void)
{
	const unsigned int nr_pages = DESIGN >> PAGE_SHIFT;
	struct address_space *mapping;
	struct page **pages;
	struct file *file;
	unsigned int i;

	pages = kvcalloc(nr_pages, sizeof(*pages), GFP_KERNEL);
	file = shmem_file_setup("bench", DESIGN, EMPTY_VMA_FLAGS);
	if (IS_ERR(file) || !pages)
		return;
	mapping = file->f_mapping;
	mapping_set_unevictable(mapping);
	for (i = 0; i < nr_pages; i++) {
		pages[i] = shmem_read_mapping_page(mapping, i);
		if (IS_ERR(pages[i]))
			break;
	}
	if (i == nr_pages) {
		design_copy(pages, true);
		design_copy(pages, false);
	}
	mapping_clear_unevictable(mapping);
	while (i--) {
		set_page_dirty(pages[i]);
		put_page(pages[i]);
	}
	fput(file);
	kvfree(pages);
}

#if PORTED
static void design_anon(void)
{
	const struct anon_object_attrs attrs = {
		.name = "bench",
		.size = DESIGN,
		.huge = ANON_OBJECT_HUGE_WITHIN_SIZE,
	};
	struct anon_object *obj = anon_object_create(&attrs);
	struct anon_object_map map;

	if (IS_ERR(obj))
		return;
	if (!anon_object_vmap(obj, 0, DESIGN, PAGE_KERNEL, &map)) {
		memcpy(map.vaddr, design_buf, DESIGN);
		memcpy(design_buf, map.vaddr, DESIGN);
		anon_object_vunmap(obj, &map, ANON_OBJECT_DIRTY);
	}
	anon_object_put(obj);
}
#endif

static void bench_design(void)
{
	static const struct {
		const char *name;
		void (*make)(void);
	} ways[] = {
		{ "design/vfs", design_vfs },
		{ "design/shmem", design_shmem },
#if PORTED
		{ "design/anon-object", design_anon },
#endif
	};
	unsigned int i, round;
	u64 begin;

	design_buf = vzalloc(DESIGN);
	if (!design_buf)
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (!bench_wanted(ways[i].name))
			continue;
		for (round = 0; round < bench_rounds; round++) {
			begin = bench_now();
			ways[i].make();
			flush_delayed_fput();
			bench_report(ways[i].name, "a_page",
				     bench_since(begin),
				     DESIGN >> PAGE_SHIFT);
		}
	}
	vfree(design_buf);
}

/* --- the module -------------------------------------------------------------- */

static const struct drm_driver driver = {
	.driver_features = DRIVER_GEM,
	.name = "anon_bench",
	.desc = "benchmark",
	.major = 1,
};

/* Objects that somebody has, or has had for a moment */
#define MANY 10000

static struct drm_gem_object *many[MANY];

static int many_free(void)
{
	unsigned int i;

	for (i = 0; i < MANY && many[i]; i++) {
		drm_gem_object_put(many[i]);
		many[i] = NULL;
	}
	return 0;
}

static int many_create(void)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		many[i] = object_new(plain, SZ_4K, false);
		if (!many[i]) {
			many_free();
			return -ENOMEM;
		}
	}
	return 0;
}

static int create_and_free(void)
{
	unsigned int i;

	for (i = 0; i < CREATED; i++) {
		struct drm_gem_object *obj = object_new(plain, SZ_64K, false);

		if (!obj)
			return -ENOMEM;
		drm_gem_object_put(obj);
	}
	return 0;
}

static int create_command(const char *word)
{
	if (!strcmp(word, "create"))
		return create_and_free();
	if (!strcmp(word, "many"))
		return many_create();
	if (!strcmp(word, "none"))
		return many_free();
	return -ENOENT;
}

/* "create", "many", "none"; "new", "fill", "out CASE", "back CASE" */
static ssize_t command_write(struct file *file, const char __user *user,
			     size_t len, loff_t *pos)
{
	char buf[64], *name;
	int err;

	if (len >= sizeof(buf) || copy_from_user(buf, user, len))
		return -EINVAL;
	buf[len] = 0;
	name = strim(buf);
	strsep(&name, " ");
	err = create_command(buf);
	if (err != -ENOENT)
		return err ?: len;
	if (!strcmp(buf, "new")) {
		if (swapped)
			drm_gem_object_put(swapped);
		swapped = object_new(plain, SWAPPED, false);
	}
	if (!swapped)
		return -ENOMEM;
	if (!strcmp(buf, "new") || !strcmp(buf, "fill"))
		swap_fill();
	else if (!strcmp(buf, "out") && name)
		swap_out(name);
	else if (!strcmp(buf, "back") && name)
		swap_back(name);
	else
		return -EINVAL;
	return len;
}

#if PORTED
static int view_create(size_t size)
{
	const struct anon_object_attrs attrs = { .name = "bench", .size = size };
	const struct anon_view_attrs view_attrs = { .flags = O_RDWR };
	struct anon_object *obj;
	struct file *file;
	int fd;

	obj = anon_object_create(&attrs);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	file = anon_object_view(obj, &view_attrs);
	anon_object_put(obj);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = anon_view_fd(file, 0, O_CLOEXEC);
	fput(file);
	return fd;
}
#else
static int view_create(size_t size)
{
	return -EOPNOTSUPP;
}
#endif

static long command_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	return cmd == BENCH_VIEW ? view_create(arg) : -ENOTTY;
}

static const struct file_operations command_fops = {
	.owner = THIS_MODULE,
	.write = command_write,
	.unlocked_ioctl = command_ioctl,
};

static struct dentry *command;

static int __init bench_init(void)
{
	parent = platform_device_register_simple("anon_bench", -1, NULL, 0);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	dma_coerce_mask_and_coherent(&parent->dev, DMA_BIT_MASK(64));
	plain = drm_dev_alloc(&driver, &parent->dev);
	huge = drm_dev_alloc(&driver, &parent->dev);
	if (IS_ERR(plain) || IS_ERR(huge))
		return -ENOMEM;
#if !PORTED
	if (drm_gem_huge_mnt_create(huge, "within_size"))
		return -ENOMEM;
#endif

	measure_cost();
	measure_clear();
	bench_create();
	bench_all_pins();
	bench_entries();
	bench_vmap();
	bench_sizes();
	bench_sparse();
	bench_design();
	bench_i915();

	command = debugfs_create_file("anon_bench", 0200, NULL, NULL,
				      &command_fops);
	return 0;
}

static void __exit bench_exit(void)
{
	debugfs_remove(command);
	many_free();
	if (swapped)
		drm_gem_object_put(swapped);
	drm_dev_put(huge);
	drm_dev_put(plain);
	platform_device_unregister(parent);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Benchmark of anonymous objects and what they replace");
MODULE_LICENSE("GPL");
