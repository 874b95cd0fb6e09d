// SPDX-License-Identifier: MIT
/*
 * What objects do with their memory: how it goes to swap and comes back, who
 * keeps it, who gives it up, and what is left when it is not to be had.
 */

#include <linux/file.h>
#include <linux/mman.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "i915_selftest.h"

#include "gem/i915_gem_internal.h"
#include "selftests/mock_gem_device.h"

static u32 pattern(unsigned long i)
{
	return i * 2654435761u + 1;
}

static int fill(struct drm_i915_gem_object *obj)
{
	unsigned long i;
	u32 *map;

	map = i915_gem_object_pin_map_unlocked(obj, I915_MAP_WB);
	if (IS_ERR(map))
		return PTR_ERR(map);

	for (i = 0; i < obj->base.size / sizeof(*map); i++)
		map[i] = pattern(i);
	obj->mm.dirty = true;

	i915_gem_object_unpin_map(obj);
	return 0;
}

static struct drm_i915_gem_object *
create_filled(struct drm_i915_private *i915, resource_size_t size)
{
	struct drm_i915_gem_object *obj;
	int err;

	obj = i915_gem_object_create_shmem(i915, size);
	if (IS_ERR(obj))
		return obj;

	err = fill(obj);
	if (err) {
		i915_gem_object_put(obj);
		return ERR_PTR(err);
	}

	return obj;
}

static int compare(struct drm_i915_gem_object *obj)
{
	unsigned long i;
	int err = 0;
	u32 *map;

	map = i915_gem_object_pin_map_unlocked(obj, I915_MAP_WB);
	if (IS_ERR(map))
		return PTR_ERR(map);

	for (i = 0; i < obj->base.size / sizeof(*map); i++) {
		if (map[i] == pattern(i))
			continue;

		pr_err("Dword %lu is %x, expected %x\n", i, map[i], pattern(i));
		err = -EINVAL;
		break;
	}

	i915_gem_object_unpin_map(obj);
	return err;
}

static int put_pages(struct drm_i915_gem_object *obj)
{
	int err;

	i915_gem_object_lock(obj, NULL);
	err = __i915_gem_object_put_pages(obj);
	i915_gem_object_unlock(obj);

	return err;
}

static void make_purgeable(struct drm_i915_gem_object *obj)
{
	struct drm_i915_private *i915 = to_i915(obj->base.dev);

	i915_gem_object_lock(obj, NULL);
	obj->mm.madv = I915_MADV_DONTNEED;
	spin_lock_irq(&i915->mm.obj_lock);
	list_move_tail(&obj->mm.link, &i915->mm.purge_list);
	spin_unlock_irq(&i915->mm.obj_lock);
	i915_gem_object_unlock(obj);
}

static struct anon_object_stat stat_of(struct anon_object *anon)
{
	struct anon_object_stat stat;

	anon_object_get_stat(anon, &stat);
	return stat;
}

static bool can_swap(const char *name)
{
	if (get_nr_swap_pages() > 0)
		return true;

	pr_info("%s: skipping, there is no swap\n", name);
	return false;
}

static unsigned long count_swapped_out(void)
{
#ifdef CONFIG_VM_EVENT_COUNTERS
	unsigned long *events, count;

	events = kcalloc(NR_VM_EVENT_ITEMS, sizeof(*events), GFP_KERNEL);
	if (!events)
		return 0;

	all_vm_events(events);
	count = events[PSWPOUT];
	kfree(events);
	return count;
#else
	return 0;
#endif
}

/* All of it, or more: a folio may go on beyond the object's end */
static int swap_out(struct drm_i915_gem_object *obj)
{
	const unsigned long nr_pages = obj->base.size >> PAGE_SHIFT;
	unsigned long before = count_swapped_out(), after;
	struct anon_object_stat stat;
	long ret;

	ret = anon_object_swap_out(obj->base.anon, 0, obj->base.size);
	after = count_swapped_out();
	stat = stat_of(obj->base.anon);
	if (ret < nr_pages || stat.swapped < obj->base.size) {
		pr_err("Swapped out %ld of %lu pages, %llu bytes are in swap\n",
		       ret, nr_pages, stat.swapped);
		return -EINVAL;
	}

	if (IS_ENABLED(CONFIG_VM_EVENT_COUNTERS) && after - before < nr_pages) {
		pr_err("pswpout grew by %lu, not by %lu\n",
		       after - before, nr_pages);
		return -EINVAL;
	}

	return 0;
}

static int stays(struct drm_i915_gem_object *obj)
{
	struct anon_object_stat stat;
	long ret;

	ret = anon_object_swap_out(obj->base.anon, 0, obj->base.size);
	stat = stat_of(obj->base.anon);
	if (ret || stat.swapped || stat.resident < obj->base.size) {
		pr_err("Pinned, but swapped out %ld pages, %llu bytes are in swap\n",
		       ret, stat.swapped);
		return -EINVAL;
	}

	return 0;
}

/* Out to swap, and as it was when it is used again */
static int goes_and_returns(struct drm_i915_gem_object *obj)
{
	int err;

	err = put_pages(obj);
	if (!err)
		err = swap_out(obj);
	if (!err)
		err = compare(obj);

	return err;
}

static int igt_shmem_swap(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	int err;

	if (!can_swap(__func__))
		return 0;

	obj = create_filled(i915, SZ_2M + SZ_64K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	err = goes_and_returns(obj);

	i915_gem_object_put(obj);
	return err;
}

static int igt_shmem_pinned(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	int err;

	if (!can_swap(__func__))
		return 0;

	obj = create_filled(i915, SZ_2M);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	/* No user is left, but the pages stay until they are put */
	err = stays(obj);
	if (!err)
		err = goes_and_returns(obj);

	i915_gem_object_put(obj);
	return err;
}

/*
 * The first takes most of the memory. For the second there is only enough if
 * the first is reaped, for nobody else can do that: a mock device has no
 * shrinker, and the pages of the first are pinned. The third is in use.
 */
static int shrink_for(struct drm_i915_gem_object *first,
		      struct drm_i915_gem_object *second,
		      struct drm_i915_gem_object *third)
{
	struct anon_object_stat stat;
	int err;

	err = fill(third);
	if (err)
		return err;
	err = i915_gem_object_pin_pages_unlocked(third);
	if (err)
		return err;
	err = i915_gem_object_pin_pages_unlocked(first);
	if (err)
		goto out_third;
	i915_gem_object_unpin_pages(first);
	make_purgeable(first);

	err = i915_gem_object_pin_pages_unlocked(second);
	if (err) {
		pr_err("No memory for the second object, err=%d\n", err);
		goto out_third;
	}
	i915_gem_object_unpin_pages(second);

	stat = stat_of(first->base.anon);
	if (first->mm.madv != __I915_MADV_PURGED || stat.resident) {
		pr_err("The first object has not been purged, madv=%u, resident=%llu\n",
		       first->mm.madv, stat.resident);
		err = -EINVAL;
		goto out_third;
	}
	err = i915_gem_object_pin_pages_unlocked(first);
	if (err != -EFAULT) {
		pr_err("The purged object could be pinned, err=%d\n", err);
		err = -EINVAL;
		goto out_third;
	}
	err = stays(third);

out_third:
	i915_gem_object_unpin_pages(third);
	return err ?: compare(third);
}

static int igt_shmem_shrink(void *arg)
{
	const u64 size = round_up(totalram_pages() * (u64)PAGE_SIZE / 10 * 6,
				  SZ_2M);
	struct drm_i915_gem_object *obj[3] = {};
	struct drm_i915_private *i915 = arg;
	int err, i;

	if (size > 2ull * SZ_1G) {
		pr_info("%s: skipping, it would fill %llu MiB\n",
			__func__, size >> 20);
		return 0;
	}

	for (i = 0; i < ARRAY_SIZE(obj); i++) {
		obj[i] = i915_gem_object_create_shmem(i915, i < 2 ? size : SZ_2M);
		if (IS_ERR(obj[i])) {
			err = PTR_ERR(obj[i]);
			goto out;
		}
	}

	err = shrink_for(obj[0], obj[1], obj[2]);

out:
	while (i--)
		i915_gem_object_put(obj[i]);
	i915_gem_drain_freed_objects(i915);
	return err;
}

/* Of an object that has been purged, nothing is left, wherever it was */
static int igt_shmem_purge(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct anon_object_stat stat;
	u32 dword;
	int err = 0;

	obj = create_filled(i915, SZ_2M);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	make_purgeable(obj);
	i915_gem_shrink(NULL, i915, -1ul, NULL, I915_SHRINK_UNBOUND);

	stat = stat_of(obj->base.anon);
	if (stat.resident || stat.swapped || stat.pinned) {
		pr_err("Purged, but %llu bytes are in memory, %llu in swap, %llu pinned\n",
		       stat.resident, stat.swapped, stat.pinned);
		err = -EINVAL;
		goto out;
	}
	if (!anon_object_read(obj->base.anon, 0, &dword, sizeof(dword))) {
		pr_err("Purged, but still reads as %x\n", dword);
		err = -EINVAL;
	}

out:
	i915_gem_object_put(obj);
	return err;
}

static unsigned long map_user(struct drm_i915_gem_object *obj)
{
	struct file *file = anon_object_file(obj->base.anon);
	unsigned long addr;

	if (IS_ERR(file))
		return PTR_ERR(file);
	/* As i915_gem_mmap_ioctl() does it */
	addr = vm_mmap(file, 0, obj->base.size, PROT_READ | PROT_WRITE,
		       MAP_SHARED, 0);
	fput(file);
	return addr;
}

static vm_fault_t fault_user(unsigned long addr, unsigned int flags)
{
	vm_fault_t ret = VM_FAULT_SIGSEGV;
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (vma)
		ret = handle_mm_fault(vma, addr, FAULT_FLAG_USER | flags, NULL);
	mmap_read_unlock(current->mm);

	return ret;
}

static int compare_user(struct drm_i915_gem_object *obj, unsigned long addr)
{
	unsigned long i;
	u32 dword;

	for (i = 0; i < obj->base.size / sizeof(dword);
	     i += PAGE_SIZE / sizeof(dword)) {
		if (get_user(dword, (u32 __user *)addr + i))
			return -EFAULT;
		if (dword != pattern(i)) {
			pr_err("Dword %lu is %x for user space, expected %x\n",
			       i, dword, pattern(i));
			return -EINVAL;
		}
	}

	return 0;
}

static bool can_map(const char *name)
{
	if (current->mm)
		return true;

	pr_info("%s: skipping, there is no user space\n", name);
	return false;
}

/* A mapping of what has been purged raises SIGBUS, and brings nothing back */
static int purge_mapped(struct drm_i915_gem_object *obj, unsigned long addr)
{
	struct drm_i915_private *i915 = to_i915(obj->base.dev);
	static const unsigned int flags[] = { 0, FAULT_FLAG_WRITE };
	struct anon_object_stat stat;
	vm_fault_t fault;
	int err, i;

	err = compare_user(obj, addr);
	if (err)
		return err;

	make_purgeable(obj);
	i915_gem_shrink(NULL, i915, -1ul, NULL, I915_SHRINK_UNBOUND);

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		fault = fault_user(addr + i * PAGE_SIZE, flags[i]);
		if (fault & VM_FAULT_SIGBUS)
			continue;

		pr_err("Purged, but fault %d ended with %x\n", i, fault);
		return -EINVAL;
	}

	stat = stat_of(obj->base.anon);
	if (stat.resident) {
		pr_err("Purged, but %llu bytes are in memory\n", stat.resident);
		return -EINVAL;
	}

	return 0;
}

/* An object that is filled, and mapped by user space */
static int with_mapped(struct drm_i915_private *i915, u64 size,
		       int (*func)(struct drm_i915_gem_object *obj,
				   unsigned long addr))
{
	struct drm_i915_gem_object *obj;
	unsigned long addr;
	int err;

	obj = create_filled(i915, size);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	addr = map_user(obj);
	if (IS_ERR_VALUE(addr)) {
		err = addr;
		goto out;
	}

	err = func(obj, addr);
	vm_munmap(addr, obj->base.size);

out:
	i915_gem_object_put(obj);
	return err;
}

static int igt_shmem_purge_mapped(void *arg)
{
	if (!can_map(__func__))
		return 0;
	return with_mapped(arg, SZ_64K, purge_mapped);
}

static unsigned long notify_oom(struct drm_i915_private *i915)
{
	struct notifier_block *nb = &i915->mm.oom_notifier;
	unsigned long freed = 0;

	i915_gem_driver_register__shrinker(i915);
	nb->notifier_call(nb, 0, &freed);
	i915_gem_driver_unregister__shrinker(i915);

	return freed;
}

/*
 * The notifier of the OOM killer lets go of objects, and writes nothing. What
 * kswapd asks for is written, even if it is mapped.
 */
static int write_back(struct drm_i915_gem_object *obj, unsigned long addr)
{
	struct drm_i915_private *i915 = to_i915(obj->base.dev);
	struct anon_object_stat stat;
	unsigned long freed;
	int err;

	freed = notify_oom(i915);
	stat = stat_of(obj->base.anon);
	if (freed < obj->base.size >> PAGE_SHIFT || stat.pinned ||
	    stat.swapped) {
		pr_err("The notifier freed %lu pages, %llu bytes are pinned, %llu in swap\n",
		       freed, stat.pinned, stat.swapped);
		return -EINVAL;
	}

	err = compare(obj);
	if (!err)
		err = compare_user(obj, addr);
	if (err)
		return err;

	i915_gem_shrink(NULL, i915, -1ul, NULL,
			I915_SHRINK_UNBOUND | I915_SHRINK_WRITEBACK);
	stat = stat_of(obj->base.anon);
	if (stat.resident || stat.swapped < obj->base.size) {
		pr_err("Written back, but %llu bytes are in memory, %llu in swap\n",
		       stat.resident, stat.swapped);
		return -EINVAL;
	}

	return compare_user(obj, addr) ?: compare(obj);
}

static int igt_shmem_writeback(void *arg)
{
	if (!can_swap(__func__) || !can_map(__func__))
		return 0;
	return with_mapped(arg, SZ_2M, write_back);
}

/* Internal objects have memory while they have pages, and no longer */
static int igt_internal_volatile(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct anon_object_stat stat;
	int err;

	obj = i915_gem_object_create_internal(i915, SZ_1M + SZ_4K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	err = fill(obj);
	if (!err)
		err = compare(obj);
	if (err)
		goto out;

	stat = stat_of(&obj->internal.obj);
	if (stat.resident != obj->base.size || stat.pinned != obj->base.size) {
		pr_err("%llu bytes are in memory, %llu pinned, expected %zu\n",
		       stat.resident, stat.pinned, obj->base.size);
		err = -EINVAL;
		goto out;
	}

	err = put_pages(obj);
	if (err)
		goto out;
	stat = stat_of(&obj->internal.obj);
	if (stat.resident || stat.pinned) {
		pr_err("Without pages, but %llu bytes are in memory, %llu pinned\n",
		       stat.resident, stat.pinned);
		err = -EINVAL;
	}

out:
	i915_gem_object_put(obj);
	return err;
}

static void set_i965g(struct drm_i915_private *i915, bool is)
{
	struct intel_runtime_info *info = RUNTIME_INFO(i915);
	const unsigned int pi = __platform_mask_index(info, INTEL_I965G);
	const unsigned int pb = __platform_mask_bit(info, INTEL_I965G);

	if (is)
		info->platform_mask[pi] |= BIT(pb);
	else
		info->platform_mask[pi] &= ~BIT(pb);
}

/* How many of the pages are above 4 GiB, or an error */
static long count_high(struct drm_i915_gem_object *obj)
{
	struct sgt_iter iter;
	struct page *page;
	long count = 0;
	int err;

	err = i915_gem_object_pin_pages_unlocked(obj);
	if (err)
		return err;

	for_each_sgt_page(page, iter, obj->mm.pages)
		count += page_to_pfn(page) >= 0x00100000UL;

	i915_gem_object_unpin_pages(obj);
	return count;
}

static int none_high(struct drm_i915_gem_object *obj)
{
	long count = count_high(obj);

	if (count > 0) {
		pr_err("%ld pages of %s are above 4 GiB\n",
		       count, obj->ops->name);
		return -EINVAL;
	}

	return count;
}

/* 965G's objects are below 4 GiB, also when they come back from swap */
static int low_shmem(struct drm_i915_private *i915, bool swaps)
{
	struct drm_i915_gem_object *obj;
	int err;

	obj = create_filled(i915, SZ_2M);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	err = none_high(obj);
	if (!err)
		err = put_pages(obj);
	if (!err && swaps) {
		err = swap_out(obj);
		if (!err)
			err = none_high(obj);
	}
	if (!err)
		err = compare(obj);

	i915_gem_object_put(obj);
	return err;
}

static int low_internal(struct drm_i915_private *i915)
{
	struct drm_i915_gem_object *obj;
	int err;

	obj = i915_gem_object_create_internal(i915, SZ_2M);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	err = none_high(obj);

	i915_gem_object_put(obj);
	return err;
}

static int igt_gfp_limit(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	long count;
	int err;

	/* Would there be a page above without the limit? */
	obj = i915_gem_object_create_shmem(i915, SZ_2M);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	count = count_high(obj);
	i915_gem_object_put(obj);
	if (count <= 0) {
		if (!count)
			pr_info("%s: skipping, no memory above 4 GiB\n",
				__func__);
		return count;
	}

	set_i965g(i915, true);
	err = low_shmem(i915, get_nr_swap_pages() > 0);
	if (!err)
		err = low_internal(i915);
	set_i965g(i915, false);

	return err;
}

/*
 * Two users pin one object, the driver's pages are one of them. Until both
 * have gone it stays.
 */
static int two_users(struct drm_i915_gem_object *obj, struct page **pages,
		     bool driver_first_in, bool driver_first_out)
{
	const size_t nr_pages = obj->base.size >> PAGE_SHIFT;
	struct anon_object *anon = obj->base.anon;
	bool driver = driver_first_in;
	int err, step;

	for (step = 0; step < 2; step++, driver = !driver) {
		if (driver)
			err = compare(obj);	/* and it has pages now */
		else
			err = anon_object_pin_pages(anon, 0, obj->base.size,
						    pages);
		if (err)
			return err;
		err = stays(obj);
		if (err)
			return err;
	}

	if (stat_of(anon).pinned != 2 * obj->base.size) {
		pr_err("%llu bytes are pinned, not twice %zu\n",
		       stat_of(anon).pinned, obj->base.size);
		return -EINVAL;
	}

	driver = driver_first_out;
	for (step = 0; step < 2; step++, driver = !driver) {
		err = stays(obj);
		if (err)
			return err;
		if (driver)
			err = put_pages(obj);
		else
			anon_object_unpin_pages(anon, pages, nr_pages, 0);
		if (err)
			return err;
	}

	return swap_out(obj);
}

static int igt_shmem_two_users(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct page **pages;
	int order, err = 0;

	if (!can_swap(__func__))
		return 0;

	pages = kvmalloc_objs(*pages, SZ_1M >> PAGE_SHIFT);
	if (!pages)
		return -ENOMEM;

	for (order = 0; order < 4 && !err; order++) {
		obj = i915_gem_object_create_shmem(i915, SZ_1M);
		if (IS_ERR(obj)) {
			err = PTR_ERR(obj);
			break;
		}

		err = fill(obj);
		if (!err)
			err = put_pages(obj);
		if (!err)
			err = two_users(obj, pages, order & 1, order & 2);
		if (!err)
			err = compare(obj);
		if (err)
			pr_err("Order %d failed, err=%d\n", order, err);

		i915_gem_object_put(obj);
	}

	kvfree(pages);
	return err;
}

#ifdef CONFIG_FAULT_INJECTION
/* What the pin tries next is to fail as well */
static void fail_again(struct anon_object *anon, unsigned long nr_pages)
{
	current->fail_nth = 1;
}

static const struct anon_object_ops failing_ops = {
	.shrink = fail_again,
};

/* Returns whether an allocation was made to fail; *@err is the pin's */
static bool pin_failing(struct drm_i915_gem_object *obj, unsigned int nth,
			int *err)
{
	bool failed;

	current->fail_nth = nth;
	*err = i915_gem_object_pin_pages_unlocked(obj);
	failed = !current->fail_nth;
	current->fail_nth = 0;

	return failed;
}

/*
 * Let the first allocation fail, then only the second, and so on, until all
 * that there are have failed. With @anon's hook, what is tried again fails too.
 */
static int fail_each(struct drm_i915_gem_object *obj, struct anon_object *anon)
{
	unsigned int nth, refused = 0;
	struct anon_object_stat stat;
	bool failed;
	int err;

	for (nth = 1;; nth++) {
		failed = pin_failing(obj, nth, &err);
		if (err == -ENOMEM) {
			refused++;
		} else if (!err) {
			i915_gem_object_unpin_pages(obj);
			err = put_pages(obj);
			if (err)
				return err;
		} else {
			pr_err("Allocation %u of %s failed with err=%d\n",
			       nth, obj->ops->name, err);
			return -EINVAL;
		}

		stat = stat_of(anon);
		if (i915_gem_object_has_pages(obj) || stat.pinned ||
		    (obj->base.anon != anon && stat.resident)) {
			pr_err("Allocation %u of %s failed and left %llu bytes, %llu pinned\n",
			       nth, obj->ops->name, stat.resident, stat.pinned);
			return -EINVAL;
		}
		if (!failed)
			break;

		/* The next one is to allocate as much again */
		if (obj->base.anon == anon) {
			err = anon_object_truncate_range(anon, 0,
							 obj->base.size);
			if (err)
				return err;
		}
	}

	pr_info("%s: %u of %u failing allocations failed the pin of %s\n",
		__func__, refused, nth - 1, obj->ops->name);
	return 0;
}

static int igt_fault_injection(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	int err;

	obj = i915_gem_object_create_shmem(i915, SZ_256K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	obj->base.anon->ops = &failing_ops;
	err = fail_each(obj, obj->base.anon);
	obj->base.anon->ops = &i915_gem_anon_ops;
	if (!err)
		err = fill(obj);
	if (!err)
		err = compare(obj);
	i915_gem_object_put(obj);
	if (err)
		return err;

	obj = i915_gem_object_create_internal(i915, SZ_64K + SZ_4K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	err = fail_each(obj, &obj->internal.obj);
	if (!err)
		err = fill(obj);
	if (!err)
		err = compare(obj);
	i915_gem_object_put(obj);
	return err;
}

static int igt_fail_create(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	unsigned int nth, refused = 0;
	bool failed;

	for (nth = 1;; nth++) {
		current->fail_nth = nth;
		obj = i915_gem_object_create_shmem(i915, SZ_64K);
		failed = !current->fail_nth;
		current->fail_nth = 0;

		if (!IS_ERR(obj)) {
			i915_gem_object_put(obj);
		} else if (PTR_ERR(obj) == -ENOMEM || PTR_ERR(obj) == -ENOSPC) {
			/* -ENOSPC: there was no inode */
			refused++;
		} else {
			pr_err("Allocation %u failed with err=%pe\n", nth, obj);
			return -EINVAL;
		}
		if (!failed)
			break;
	}

	pr_info("%s: %u of %u failing allocations failed the creation\n",
		__func__, refused, nth - 1);
	return refused ? 0 : -EINVAL;
}

/* What user space writes while an allocation fails, and then once more */
static int pwrite_failing(struct drm_i915_gem_object *obj, unsigned long addr,
			  unsigned int nth, bool *failed)
{
	struct drm_i915_gem_pwrite args = {
		.size = obj->base.size,
		.data_ptr = addr,
	};
	int err, again;

	current->fail_nth = nth;
	err = obj->ops->pwrite(obj, &args);
	*failed = !current->fail_nth;
	current->fail_nth = 0;

	/* -EIO: a part has been written, as far as there was memory */
	if (err && err != -ENOMEM && err != -EIO) {
		pr_err("Allocation %u failed with err=%d\n", nth, err);
		return -EINVAL;
	}

	again = obj->ops->pwrite(obj, &args);
	if (!again)
		again = compare(obj);
	return again ?: !!err;
}

/* Returns how many failed the write, of *@nr */
static int fail_pwrites(struct drm_i915_private *i915, u64 size,
			unsigned long addr, unsigned int *nr)
{
	struct drm_i915_gem_object *obj;
	unsigned int nth, refused = 0;
	bool failed;
	int err;

	for (nth = 1;; nth++) {
		obj = i915_gem_object_create_shmem(i915, size);
		if (IS_ERR(obj))
			return PTR_ERR(obj);

		err = pwrite_failing(obj, addr, nth, &failed);
		i915_gem_object_put(obj);
		if (err < 0)
			return err;
		if (!failed)
			break;

		refused += err;
		(*nr)++;
	}

	return refused;
}

static int igt_fail_pwrite(void *arg)
{
	struct drm_i915_private *i915 = arg;
	/* A page has no smaller folio to fall back to */
	static const u64 sizes[] = { SZ_4K, SZ_64K };
	unsigned int nr = 0, refused = 0, i;
	unsigned long addr;
	int err = 0;

	if (!can_map(__func__))
		return 0;

	addr = vm_mmap(NULL, 0, SZ_64K, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(addr))
		return addr;

	for (i = 0; i < SZ_64K / sizeof(u32) && !err; i++)
		err = put_user(pattern(i), (u32 __user *)addr + i);

	for (i = 0; i < ARRAY_SIZE(sizes) && err >= 0; i++) {
		err = fail_pwrites(i915, sizes[i], addr, &nr);
		if (err > 0)
			refused += err;
	}
	vm_munmap(addr, SZ_64K);
	if (err < 0)
		return err;

	pr_info("%s: %u of %u failing allocations failed the write\n",
		__func__, refused, nr);
	return refused ? 0 : -EINVAL;
}
#endif

int i915_gem_shmem_mock_selftests(void)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_shmem_swap),
		SUBTEST(igt_shmem_pinned),
		SUBTEST(igt_shmem_purge),
		SUBTEST(igt_shmem_purge_mapped),
		SUBTEST(igt_shmem_writeback),
		SUBTEST(igt_shmem_two_users),
		SUBTEST(igt_internal_volatile),
		SUBTEST(igt_gfp_limit),
#ifdef CONFIG_FAULT_INJECTION
		SUBTEST(igt_fault_injection),
		SUBTEST(igt_fail_create),
		SUBTEST(igt_fail_pwrite),
#endif
		SUBTEST(igt_shmem_shrink),
	};
	struct drm_i915_private *i915;
	int err;

	i915 = mock_gem_device();
	if (!i915)
		return -ENOMEM;

	err = i915_subtests(tests, i915);

	mock_destroy_device(i915);
	return err;
}
