// SPDX-License-Identifier: GPL-2.0
/*
 * What TTM's shrinker does with the memory of a buffer: backing it up, and
 * restoring it when it is needed.  What TTM does not export comes from
 * /proc/kallsyms, as parameters.
 */
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_pool.h>
#include <drm/ttm/ttm_tt.h>

#include "bench.h"

#define TTM_FUNCTION(name)					\
	static unsigned long address_of_##name;			\
	module_param_named(name, address_of_##name, ulong, 0400)
#define TTM_CALL(name) ((typeof(&name))address_of_##name)

TTM_FUNCTION(ttm_pool_backup);
TTM_FUNCTION(ttm_pool_restore_and_alloc);

static struct ttm_pool pool;
static struct ttm_buffer_object *bo;

/* As the pool of this kernel allocates them */
static struct page *ttm_block(unsigned int order)
{
	struct page *page;
#if PORTED
	struct folio *folio = folio_alloc(GFP_HIGHUSER, order);

	page = folio ? &folio->page : NULL;
#else
	page = alloc_pages(GFP_HIGHUSER, order);
#endif
	if (page)
		set_page_private(page, order);
	return page;
}

/* All of it in blocks of that order, whatever is to be had */
static int ttm_fill(struct ttm_tt *tt, unsigned int order)
{
	unsigned int i, j;

	for (i = 0; i < tt->num_pages; i += 1 << order) {
		struct page *page = ttm_block(order);

		if (!page)
			return -ENOMEM;
		for (j = 0; j < 1 << order; j++) {
			clear_highpage(page + j);
			tt->pages[i + j] = page + j;
		}
	}
	return 0;
}

/* Pages that have been allocated since boot */
static u64 ttm_allocated(void)
{
	static unsigned long events[NR_VM_EVENT_ITEMS];
	unsigned int zone;
	u64 sum = 0;

	all_vm_events(events);
	for (zone = 0; zone < MAX_NR_ZONES; zone++)
		sum += events[PGALLOC_NORMAL - ZONE_NORMAL + zone];
	return sum;
}

static int ttm_round(struct ttm_tt *tt, unsigned int order, const char *backup,
		     const char *needs, const char *restore, bool report)
{
	static const struct ttm_backup_flags flags;
	struct ttm_operation_ctx ctx = {};
	u64 begin, spent, allocated;
	long ret;

	ret = ttm_fill(tt, order);
	if (ret)
		return ret;
	allocated = ttm_allocated();
	begin = bench_now();
	ret = TTM_CALL(ttm_pool_backup)(&pool, tt, &flags);
	spent = bench_since(begin);
	allocated = ttm_allocated() - allocated;
	if (ret != tt->num_pages)
		return -ENOSPC;
	tt->page_flags |= TTM_TT_FLAG_BACKED_UP;
	if (report) {
		bench_report(backup, "a_page", spent, tt->num_pages);
		bench_report(needs, "pages", allocated, 1);
	}

	begin = bench_now();
	ret = TTM_CALL(ttm_pool_restore_and_alloc)(&pool, tt, &ctx);
	spent = bench_since(begin);
	if (ret)
		return ret;
	tt->page_flags &= ~TTM_TT_FLAG_BACKED_UP;
	if (report)
		bench_report(restore, "a_page", spent, tt->num_pages);
	ttm_pool_free(&pool, tt);
	memset(tt->pages, 0, tt->num_pages * sizeof(*tt->pages));
	return 0;
}

static void ttm_case(unsigned int order, const char *backup, const char *needs,
		     const char *restore)
{
	struct ttm_tt tt = {};
	unsigned int round;
	int err;

	if (!bench_wanted(backup) && !bench_wanted(needs) &&
	    !bench_wanted(restore))
		return;
	err = ttm_tt_init(&tt, bo, TTM_TT_FLAG_EXTERNAL |
			  TTM_TT_FLAG_EXTERNAL_MAPPABLE, ttm_cached, 0);
	if (!err)
		err = ttm_tt_setup_backup(&tt);
	/* The first time fills batches and caches */
	for (round = 0; round <= bench_rounds && !err; round++)
		err = ttm_round(&tt, order, backup, needs, restore, round);
	if (err)
		bench_failed("%s: %d", backup, err);
	if (tt.pages)
		ttm_tt_fini(&tt);
}

int bench_ttm(void)
{
	if (!address_of_ttm_pool_backup)
		return 0;
	bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	if (!bo)
		return -ENOMEM;
	bo->base.size = SZ_2M;
	ttm_pool_init(&pool, NULL, NUMA_NO_NODE, 0);
	ttm_case(0, "ttm/backup/4K", "ttm/backup-needs/4K", "ttm/restore/4K");
	ttm_case(get_order(SZ_2M), "ttm/backup/2M", "ttm/backup-needs/2M",
		 "ttm/restore/2M");
	ttm_pool_fini(&pool);
	kfree(bo);
	return 0;
}
