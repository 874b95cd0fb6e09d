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
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/glob.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/kernel_stat.h>
#include <linux/kthread.h>
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

#include "bench.h"
#include "command.h"

static char *only = "*";
module_param(only, charp, 0400);
unsigned int bench_rounds = 7;
module_param_named(rounds, bench_rounds, uint, 0400);

u64 bench_clear;

static struct platform_device *parent;
struct drm_device *bench_plain, *bench_huge;

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
		bench_failed("%s: idle time is not right", name);
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
	/* Others need it too, once */
	unsigned int i, round, rounds = bench_wanted("clear") ? bench_rounds : 1;
	struct page *page = alloc_page(GFP_KERNEL);
	u64 begin, best = 0;

	if (!page) {
		bench_failed("no page");
		return;
	}
	for (round = 0; round < rounds; round++) {
		best = U64_MAX;
		for (i = 0; i < 100; i++) {
			begin = bench_now();
			clear_page(page_address(page));
			best = min(best, bench_since(begin));
		}
		bench_report("clear", "a_page", best, 1);
	}
	__free_page(page);
	bench_clear = best;
}

/* What has been put last is freed later: kernel threads have it done by others */
static void settle(void)
{
	flush_delayed_fput();
	schedule_timeout_uninterruptible(2);
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

struct drm_gem_object *bench_object(struct drm_device *dev, size_t size,
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
			WARN_ON(drm_gem_object_init(bench_plain, objs[i], SZ_64K));
		spent = bench_since(begin);
		bench_report("gem/create", "an_object", spent, CREATED);
		for (i = 0; i < CREATED; i++) {
			drm_gem_object_release(objs[i]);
			memset(objs[i], 0, sizeof(**objs));
		}
		settle();
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
	const char *whole, *first, *again, *unpin;
};

/* At most so many, of 64 KiB */
#define PINNED (SZ_4M / SZ_64K)

/* Nothing is freed before the end of a round, for others do that, any time */
static void pins_round(struct drm_device *dev, size_t size, bool small,
		       const struct pin_names *names)
{
	struct drm_gem_object *objs[PINNED] = {};
	unsigned int i, n = repeat(size);
	u64 nr_pages = size >> PAGE_SHIFT;
	u64 begin, first = 0, again = 0, unpin = 0;

	for (i = 0; i < n; i++) {
		struct page **pages;

		objs[i] = bench_object(dev, size, small);
		if (!objs[i])
			break;
		begin = bench_now();
		pages = drm_gem_get_pages(objs[i]);
		first += bench_since(begin);
		if (IS_ERR(pages))
			break;
		drm_gem_put_pages(objs[i], pages, true, true);

		begin = bench_now();
		pages = drm_gem_get_pages(objs[i]);
		again += bench_since(begin);

		begin = bench_now();
		drm_gem_put_pages(objs[i], pages, true, true);
		unpin += bench_since(begin);
	}
	if (i == n) {
		bench_report(names->whole, "a_page", first, n * nr_pages);
		bench_report(names->first, "a_page_above_clear",
			     bench_above_clear(first, n * nr_pages),
			     n * nr_pages);
		bench_report(names->again, "a_page", again, n * nr_pages);
		bench_report(names->unpin, "a_page", unpin, n * nr_pages);
	} else {
		bench_failed("%s: no memory", names->first);
	}
	for (i = 0; i < n && objs[i]; i++)
		drm_gem_object_put(objs[i]);
}

static void bench_pins(struct drm_device *dev, size_t size, bool small,
		       const struct pin_names *names)
{
	unsigned int round;

	if (!bench_wanted(names->whole) && !bench_wanted(names->first) &&
	    !bench_wanted(names->again) && !bench_wanted(names->unpin))
		return;
	for (round = 0; round < bench_rounds; round++) {
		pins_round(dev, size, small, names);
		settle();
	}
}

#define PIN_NAMES(kind, size)				\
	(&(const struct pin_names) {			\
		.whole = kind "/first-pin-whole/" size,	\
		.first = kind "/first-pin/" size,	\
		.again = kind "/pin-again/" size,	\
		.unpin = kind "/unpin/" size,		\
	})

static void bench_all_pins(void)
{
	bench_pins(bench_plain, SZ_1M, false, PIN_NAMES("gem", "1M"));
	bench_pins(bench_plain, SZ_64M, false, PIN_NAMES("gem", "64M"));
	bench_pins(bench_huge, SZ_1M, false, PIN_NAMES("gem-huge", "1M"));
	bench_pins(bench_huge, SZ_64M, false, PIN_NAMES("gem-huge", "64M"));
	bench_pins(bench_plain, SZ_64K, false, PIN_NAMES("gem", "64K"));
	bench_pins(bench_plain, SZ_2M + SZ_1M + SZ_256K, false,
		   PIN_NAMES("gem", "3.25M"));
	bench_pins(bench_plain, SZ_1M, true, PIN_NAMES("gem-small", "1M"));
	bench_pins(bench_plain, SZ_64M, true, PIN_NAMES("gem-small", "64M"));
}

/* Where user space has had memory fragmented, and asks for a round each time */
static int frag_pins(void)
{
	pins_round(bench_plain, SZ_1M, false, PIN_NAMES("frag", "1M"));
	pins_round(bench_plain, SZ_64M, false, PIN_NAMES("frag", "64M"));
	return 0;
}

static void bench_entries(void)
{
	unsigned int round;

	if (!bench_wanted("gem/sg-entries/1M"))
		return;
	for (round = 0; round < bench_rounds; round++) {
		struct drm_gem_shmem_object *shmem;
		struct sg_table *sgt;

		shmem = drm_gem_shmem_create(bench_plain, SZ_1M);
		if (IS_ERR(shmem)) {
			bench_failed("gem/sg-entries/1M: no object");
			return;
		}
		sgt = drm_gem_shmem_get_pages_sgt(shmem);
		if (IS_ERR(sgt))
			bench_failed("gem/sg-entries/1M: no table");
		else
			bench_report("gem/sg-entries/1M", "entries",
				     sgt->orig_nents, 1);
		drm_gem_object_put(&shmem->base);
		settle();
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
	shmem = drm_gem_shmem_create(bench_plain, SZ_16M);
	if (IS_ERR(shmem)) {
		bench_failed("gem/vmap/16M: no object");
		return;
	}
	/* All of it is in memory from the second time on */
	for (round = 0; round <= bench_rounds; round++) {
		begin = bench_now();
		if (drm_gem_vmap(&shmem->base, &map)) {
			bench_failed("gem/vmap/16M: no mapping");
			break;
		}
		drm_gem_vunmap(&shmem->base, &map);
		spent = bench_since(begin);
		if (round)
			bench_report("gem/vmap/16M", "a_page", spent,
				     SZ_16M >> PAGE_SHIFT);
	}
	drm_gem_object_put(&shmem->base);
}

/* What a driver calls for what is in memory already, and the undoing of it */
static u64 pin_table(struct drm_gem_shmem_object *shmem)
{
	struct sg_table *sgt;
	u64 begin, spent;

	begin = bench_now();
	sgt = drm_gem_shmem_get_pages_sgt(shmem);
	spent = bench_since(begin);
	if (IS_ERR(sgt))
		return 0;

	dma_resv_lock(shmem->base.resv, NULL);
	__drm_gem_shmem_free_sgt_locked(shmem);
	drm_gem_shmem_put_pages_locked(shmem);
	dma_resv_unlock(shmem->base.resv);
	return spent;
}

static void bench_table(struct drm_device *dev, size_t size, const char *name)
{
	struct drm_gem_shmem_object *shmem;
	unsigned int round;
	u64 spent;

	if (!bench_wanted(name))
		return;
	shmem = drm_gem_shmem_create(dev, size);
	if (IS_ERR(shmem)) {
		bench_failed("%s: no object", name);
		return;
	}
	/* The first time is a first pin */
	for (round = 0; round <= bench_rounds; round++) {
		spent = pin_table(shmem);
		if (!spent) {
			bench_failed("%s: no memory", name);
			break;
		}
		if (round)
			bench_report(name, "an_object", spent, 1);
	}
	drm_gem_object_put(&shmem->base);
	settle();
}

static void bench_tables(struct drm_device *dev, const char *kind)
{
	static const struct {
		const char *name;
		size_t size;
	} sizes[] = {
		{ "4K", SZ_4K },
		{ "64K", SZ_64K },
		{ "1M", SZ_1M },
		{ "16M", SZ_16M },
		{ "256M", SZ_256M },
		{ "1G", SZ_1G },
	};
	char name[40];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(name, sizeof(name), "%s/pin-sgt/%s", kind,
			 sizes[i].name);
		bench_table(dev, sizes[i].size, name);
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
	anon_object_get_stat(obj, &stat);
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
				bench_failed("%s", name);
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

/* --- one object four ways ---------------------------------------------------- */

#define DESIGN SZ_4M

static u8 *design_buf;

static int design_vfs(void)
{
	struct file *file;
	loff_t pos = 0;
	ssize_t done;

	file = shmem_file_setup("bench", DESIGN, EMPTY_VMA_FLAGS);
	if (IS_ERR(file))
		return PTR_ERR(file);
	/* There is no pinning what a file has, but for reading it all */
	done = kernel_write(file, design_buf, DESIGN, &pos);
	pos = 0;
	if (done == DESIGN)
		done = kernel_read(file, design_buf, DESIGN, &pos);
	fput(file);
	return done == DESIGN ? 0 : -EIO;
}

static void design_copy(struct page **pages, bool write)
{
	unsigned int i;

	for (i = 0; i < DESIGN >> PAGE_SHIFT; i++) {
		u8 *buf = design_buf + i * PAGE_SIZE;
		u8 *page = kmap_local_page(pages[i]);

		bench_copy(write ? page : buf, write ? buf : page, PAGE_SIZE);
		kunmap_local(page);
	}
}

static int design_shmem(void)
{
	const unsigned int nr_pages = DESIGN >> PAGE_SHIFT;
	struct address_space *mapping;
	struct page **pages;
	struct file *file;
	unsigned int i;

	pages = kvcalloc(nr_pages, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	file = shmem_file_setup("bench", DESIGN, EMPTY_VMA_FLAGS);
	if (IS_ERR(file)) {
		kvfree(pages);
		return PTR_ERR(file);
	}
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
	return 0;
}

#if PORTED
static int design_anon(void)
{
	const struct anon_object_attrs attrs = {
		.name = "bench",
		.size = DESIGN,
		.huge = ANON_OBJECT_HUGE_WITHIN_SIZE,
	};
	struct anon_object *obj = anon_object_create(&attrs);
	struct anon_object_map map;
	int err;

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	err = anon_object_vmap(obj, 0, DESIGN, PAGE_KERNEL, &map);
	if (!err) {
		bench_copy(map.vaddr, design_buf, DESIGN);
		bench_copy(design_buf, map.vaddr, DESIGN);
		anon_object_vunmap(obj, &map, ANON_OBJECT_DIRTY);
	}
	anon_object_put(obj);
	return err;
}
#else
static int design_anon(void)
{
	return -EOPNOTSUPP;
}
#endif

/* There and back, as the others do, and as iterators do for the VFS */
static int design_copies(bool like_vfs)
{
	u8 *there = vzalloc(DESIGN);
	unsigned int round, i;
	u64 begin;

	if (!there)
		return -ENOMEM;
	for (round = 0; round < bench_rounds; round++) {
		begin = bench_now();
		for (i = 0; i < DESIGN; i += PAGE_SIZE) {
			if (like_vfs) {
				memcpy(there + i, design_buf + i, PAGE_SIZE);
				memcpy(design_buf + i, there + i, PAGE_SIZE);
			} else {
				bench_copy(there + i, design_buf + i, PAGE_SIZE);
				bench_copy(design_buf + i, there + i, PAGE_SIZE);
			}
		}
		bench_report(like_vfs ? "design/copy-vfs" : "design/copy",
			     "a_page", bench_since(begin),
			     DESIGN >> PAGE_SHIFT);
	}
	vfree(there);
	return 0;
}

/* Asked for by user space, on the way back to which files are freed */
static int design_command(const char *name)
{
	if (!strcmp(name, "vfs"))
		return design_vfs();
	if (!strcmp(name, "shmem"))
		return design_shmem();
	if (!strcmp(name, "anon-object"))
		return design_anon();
	if (!strcmp(name, "copy"))
		return design_copies(false);
	if (!strcmp(name, "copy-vfs"))
		return design_copies(true);
	return -EINVAL;
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
		many[i] = bench_object(bench_plain, SZ_4K, false);
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
		struct drm_gem_object *obj = bench_object(bench_plain, SZ_64K, false);

		if (!obj)
			return -ENOMEM;
		drm_gem_object_put(obj);
	}
	return 0;
}

static int do_command(const char *word, const char *name)
{
	if (!strcmp(word, "create"))
		return create_and_free();
	if (!strcmp(word, "many"))
		return many_create();
	if (!strcmp(word, "none"))
		return many_free();
	if (!strcmp(word, "design"))
		return design_command(name);
	if (!strcmp(word, "frag-pins"))
		return frag_pins();
	return bench_swap_command(word, name);
}

/* A word, and for some a name */
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
	err = do_command(buf, name ?: "");
	return err ?: len;
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
	switch (cmd) {
	case BENCH_VIEW:
		return view_create(arg);
	case BENCH_SWAPPED_FD:
		return bench_swapped_fd();
	case BENCH_WORK:
		return put_user(bench_work(), (u64 __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations command_fops = {
	.owner = THIS_MODULE,
	.write = command_write,
	.unlocked_ioctl = command_ioctl,
};

static struct dentry *command;

/* In a kernel thread, which can wait until what it has put is freed */
static int bench_thread(void *done)
{
	bench_create();
	bench_all_pins();
	bench_entries();
	bench_vmap();
	bench_tables(bench_plain, "gem");
	bench_tables(bench_huge, "gem-huge");
	bench_sparse();
	complete(done);
	return 0;
}

static int bench_cases(void)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct task_struct *thread;

	measure_cost();
	measure_clear();
	thread = kthread_run(bench_thread, &done, "bench");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	wait_for_completion(&done);
	return bench_ttm() ?: bench_i915();
}

static int __init bench_init(void)
{
	int err = -ENOMEM;

	design_buf = vzalloc(DESIGN);
	if (!design_buf)
		return err;
	parent = platform_device_register_simple("anon_bench", -1, NULL, 0);
	if (IS_ERR(parent)) {
		err = PTR_ERR(parent);
		goto free_buf;
	}
	dma_coerce_mask_and_coherent(&parent->dev, DMA_BIT_MASK(64));
	bench_plain = drm_dev_alloc(&driver, &parent->dev);
	if (IS_ERR(bench_plain))
		goto unregister;
	bench_huge = drm_dev_alloc(&driver, &parent->dev);
	if (IS_ERR(bench_huge))
		goto put_plain;
#if !PORTED
	err = drm_gem_huge_mnt_create(bench_huge, "within_size");
	if (err)
		goto put_huge;
#endif
	err = bench_cases();
	if (err)
		goto put_huge;
	command = debugfs_create_file("anon_bench", 0200, NULL, NULL,
				      &command_fops);
	return 0;

put_huge:
	drm_dev_put(bench_huge);
put_plain:
	drm_dev_put(bench_plain);
unregister:
	platform_device_unregister(parent);
free_buf:
	vfree(design_buf);
	return err;
}

static void __exit bench_exit(void)
{
	debugfs_remove(command);
	bench_swap_exit();
	many_free();
	drm_dev_put(bench_huge);
	drm_dev_put(bench_plain);
	platform_device_unregister(parent);
	vfree(design_buf);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Benchmark of anonymous objects and what they replace");
MODULE_LICENSE("GPL");
