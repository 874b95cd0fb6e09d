// SPDX-License-Identifier: GPL-2.0
/*
 * i915's own objects, on its mock device.  The driver exports nothing, so the
 * addresses of its functions come from /proc/kallsyms as parameters.
 */
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/shmem_fs.h>
#include <linux/uaccess.h>

#include <uapi/drm/i915_drm.h>

#include "gem/i915_gem_internal.h"
#include "gem/i915_gem_object_types.h"
#include "gem/i915_gem_region.h"
#include "i915_drv.h"

#include "bench.h"

#define I915_FUNCTION(name)					\
	static unsigned long address_of_##name;			\
	module_param_named(name, address_of_##name, ulong, 0400)
#define I915_CALL(name) ((typeof(&name))address_of_##name)

struct drm_i915_private *mock_gem_device(void);
void mock_destroy_device(struct drm_i915_private *i915);
int __i915_gem_object_get_pages(struct drm_i915_gem_object *obj);
int __i915_gem_object_put_pages(struct drm_i915_gem_object *obj);
void i915_gem_flush_free_objects(struct drm_i915_private *i915);

I915_FUNCTION(mock_gem_device);
I915_FUNCTION(mock_destroy_device);
I915_FUNCTION(i915_gem_object_create_region);
I915_FUNCTION(i915_gem_object_create_internal);
I915_FUNCTION(__i915_gem_object_get_pages);
I915_FUNCTION(__i915_gem_object_put_pages);
I915_FUNCTION(i915_gem_flush_free_objects);

#if !PORTED
int shmem_sg_alloc_table(struct drm_i915_private *i915, struct sg_table *st,
			 size_t size, struct intel_memory_region *mr,
			 struct address_space *mapping,
			 unsigned int max_segment);
void shmem_sg_free_table(struct sg_table *st, struct address_space *mapping,
			 bool dirty, bool backup);
I915_FUNCTION(shmem_sg_alloc_table);
I915_FUNCTION(shmem_sg_free_table);
#endif

#define I915_WARM 3

/*
 * What i915 calls for the memory of an object: a table, from memory that is
 * there already
 */
static void i915_table(struct drm_i915_private *i915, size_t size,
		       unsigned int flags, const char *alloc, const char *free)
{
	struct drm_i915_gem_object *obj;
	u64 begin, allocated, freed;
	struct sg_table sgt;
	unsigned int round;

	if (!bench_wanted(alloc) && !bench_wanted(free))
		return;
	obj = I915_CALL(i915_gem_object_create_region)
		(i915->mm.regions[INTEL_REGION_SMEM], size, 0, flags);
	if (IS_ERR(obj)) {
		bench_failed("%s: no object", alloc);
		return;
	}
	/*
	 * The first time allocates, and the next ones move folios between the
	 * lists of reclaim
	 */
	for (round = 0; round < bench_rounds + I915_WARM; round++) {
#if PORTED
		begin = bench_now();
		if (anon_object_pin_sgt(obj->base.anon, 0, size, UINT_MAX, &sgt)) {
			bench_failed("%s: no memory", alloc);
			break;
		}
		allocated = bench_since(begin);
		begin = bench_now();
		anon_object_unpin_sgt(obj->base.anon, &sgt, ANON_OBJECT_DIRTY |
				      ANON_OBJECT_ACCESSED);
		freed = bench_since(begin);
#else
		struct address_space *mapping = obj->base.filp->f_mapping;

		begin = bench_now();
		if (I915_CALL(shmem_sg_alloc_table)(i915, &sgt, size,
						    obj->mm.region, mapping,
						    UINT_MAX & PAGE_MASK)) {
			bench_failed("%s: no memory", alloc);
			break;
		}
		allocated = bench_since(begin);
		begin = bench_now();
		I915_CALL(shmem_sg_free_table)(&sgt, mapping, true, true);
		freed = bench_since(begin);
#endif
		if (round < I915_WARM)
			continue;
		bench_report(alloc, "a_page", allocated, size >> PAGE_SHIFT);
		bench_report(free, "a_page", freed, size >> PAGE_SHIFT);
	}
	drm_gem_object_put(&obj->base);
}

#define I915_OBJECTS 200

static int i915_one_internal(struct drm_i915_private *i915, size_t size)
{
	struct drm_i915_gem_object *obj;
	int err;

	obj = I915_CALL(i915_gem_object_create_internal)(i915, size);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	dma_resv_lock(obj->base.resv, NULL);
	err = I915_CALL(__i915_gem_object_get_pages)(obj);
	if (!err) {
		atomic_dec(&obj->mm.pages_pin_count);
		I915_CALL(__i915_gem_object_put_pages)(obj);
	}
	dma_resv_unlock(obj->base.resv);
	drm_gem_object_put(&obj->base);
	return err;
}

static void i915_internal(struct drm_i915_private *i915, size_t size,
			  const char *name)
{
	unsigned int i, round;
	u64 begin;

	if (!bench_wanted(name))
		return;
	for (round = 0; round < bench_rounds; round++) {
		begin = bench_now();
		for (i = 0; i < I915_OBJECTS; i++) {
			if (i915_one_internal(i915, size)) {
				bench_failed("%s: no memory", name);
				return;
			}
		}
		I915_CALL(i915_gem_flush_free_objects)(i915);
		bench_report(name, "an_object", bench_since(begin),
			     I915_OBJECTS);
		rcu_barrier();
	}
}

/* What user space writes to an object that has no memory yet */
static void i915_pwrite(struct drm_i915_private *i915, size_t size,
			const char *name)
{
	struct drm_i915_gem_pwrite arg = { .size = size };
	struct drm_i915_gem_object *obj;
	unsigned int round;
	u64 begin;
	int err;

	if (!bench_wanted(name))
		return;
	arg.data_ptr = vm_mmap(NULL, 0, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE((unsigned long)arg.data_ptr)) {
		bench_failed("%s: no mapping", name);
		return;
	}
	/* There, and not just the zero page */
	err = clear_user(u64_to_user_ptr(arg.data_ptr), size);
	for (round = 0; round < bench_rounds && !err; round++) {
		obj = I915_CALL(i915_gem_object_create_region)
			(i915->mm.regions[INTEL_REGION_SMEM], size, 0, 0);
		err = PTR_ERR_OR_ZERO(obj);
		if (err)
			break;
		begin = bench_now();
		err = obj->ops->pwrite(obj, &arg);
		if (!err)
			bench_report(name, "a_page", bench_since(begin),
				     size >> PAGE_SHIFT);
		drm_gem_object_put(&obj->base);
		I915_CALL(i915_gem_flush_free_objects)(i915);
	}
	if (err)
		bench_failed("%s: %d", name, err);
	vm_munmap(arg.data_ptr, size);
}

int bench_i915(void)
{
	struct drm_i915_private *i915;

	if (!address_of_mock_gem_device)
		return 0;
	i915 = I915_CALL(mock_gem_device)();
	if (!i915)
		return -ENOMEM;
	i915_table(i915, SZ_1M, 0, "i915/sg-alloc/1M", "i915/sg-free/1M");
	i915_table(i915, SZ_64M, 0, "i915/sg-alloc/64M", "i915/sg-free/64M");
	i915_table(i915, SZ_1M, I915_BO_ALLOC_NOTHP,
		   "i915-small/sg-alloc/1M", "i915-small/sg-free/1M");
	i915_table(i915, SZ_64M, I915_BO_ALLOC_NOTHP,
		   "i915-small/sg-alloc/64M", "i915-small/sg-free/64M");
	i915_internal(i915, SZ_4K, "i915/internal/4K");
	i915_internal(i915, SZ_64K, "i915/internal/64K");
	i915_pwrite(i915, SZ_1M, "i915/pwrite/1M");
	I915_CALL(i915_gem_flush_free_objects)(i915);
	rcu_barrier();
	I915_CALL(mock_destroy_device)(i915);
	return 0;
}
