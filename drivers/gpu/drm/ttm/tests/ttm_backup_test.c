// SPDX-License-Identifier: GPL-2.0 AND MIT
/*
 * Backing up what a ttm_tt holds, and restoring it.
 */
#include <linux/anon_object.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/swap.h>

#include <drm/ttm/ttm_backup.h>
#include <drm/ttm/ttm_pool.h>
#include <drm/ttm/ttm_tt.h>

#include "ttm_kunit_helpers.h"

static struct ttm_operation_ctx simple_ctx = { };
static const struct ttm_backup_flags backup_flags = { };

static int ttm_backup_test_init(struct kunit *test)
{
	int err = ttm_test_devices_all_init(test);

	if (!err && !ttm_backup_bytes_avail())
		kunit_skip(test, "there is no swap");
	return err;
}

/* What the page at @i of a tt is to hold, different for each */
static void ttm_backup_test_fill(struct page *page, pgoff_t i)
{
	u32 *word = kmap_local_page(page);
	unsigned int j;

	for (j = 0; j < PAGE_SIZE / sizeof(*word); j++)
		word[j] = i * 0x9e3779b9 + j;
	kunmap_local(word);
}

static bool ttm_backup_test_holds(struct page *page, pgoff_t i)
{
	u32 *word = kmap_local_page(page);
	unsigned int j;

	for (j = 0; j < PAGE_SIZE / sizeof(*word); j++)
		if (word[j] != (u32)(i * 0x9e3779b9 + j))
			break;
	kunmap_local(word);
	return j == PAGE_SIZE / sizeof(*word);
}

/* A tt that has its pages, and something in them */
static struct ttm_tt *ttm_backup_test_tt(struct kunit *test,
					 enum ttm_caching caching,
					 pgoff_t num_pages)
{
	struct ttm_test_devices *devs = test->priv;
	struct ttm_buffer_object *bo;
	struct ttm_tt *tt;
	pgoff_t i;

	bo = ttm_bo_kunit_init(test, devs, num_pages << PAGE_SHIFT, NULL);
	tt = kunit_kzalloc(test, sizeof(*tt), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tt);
	KUNIT_ASSERT_EQ(test, ttm_tt_init(tt, bo, TTM_TT_FLAG_EXTERNAL |
					  TTM_TT_FLAG_EXTERNAL_MAPPABLE,
					  caching, 0), 0);
	KUNIT_ASSERT_EQ(test, ttm_tt_setup_backup(tt), 0);
	KUNIT_ASSERT_EQ(test, ttm_tt_populate(devs->ttm_dev, tt, &simple_ctx), 0);
	for (i = 0; i < num_pages; i++)
		ttm_backup_test_fill(tt->pages[i], i);
	return tt;
}

static void ttm_backup_test_destroy(struct kunit *test, struct ttm_tt *tt)
{
	struct ttm_test_devices *devs = test->priv;

	ttm_tt_unpopulate(devs->ttm_dev, tt);
	ttm_tt_fini(tt);
}

static long ttm_backup_test_backup(struct kunit *test, struct ttm_tt *tt)
{
	struct ttm_test_devices *devs = test->priv;

	return ttm_tt_backup(devs->ttm_dev, tt, backup_flags);
}

/* It has been restored: is all there again? */
static void ttm_backup_test_restored(struct kunit *test, struct ttm_tt *tt)
{
	pgoff_t i, wrong = 0;

	tt->page_flags |= TTM_TT_FLAG_PRIV_POPULATED;
	for (i = 0; i < tt->num_pages; i++)
		wrong += !ttm_backup_test_holds(tt->pages[i], i);
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

static void ttm_backup_test_restore(struct kunit *test, struct ttm_tt *tt)
{
	struct ttm_test_devices *devs = test->priv;

	KUNIT_ASSERT_EQ(test, ttm_tt_restore(devs->ttm_dev, tt, &simple_ctx), 0);
	ttm_backup_test_restored(test, tt);
}

static pgoff_t ttm_backup_test_handles(struct ttm_tt *tt)
{
	pgoff_t i, handles = 0;

	for (i = 0; i < tt->num_pages; i++)
		handles += ttm_backup_page_ptr_is_handle(tt->pages[i]);
	return handles;
}

static struct anon_object_stat ttm_backup_test_stat(struct ttm_tt *tt)
{
	struct anon_object_stat stat;

	anon_object_get_stat(tt->backup, &stat);
	return stat;
}

static long ttm_backup_test_gpu_active(void)
{
	int cpu, node;
	long active;

	active = global_node_page_state(NR_GPU_ACTIVE);
	for_each_online_node(node)
		for_each_online_cpu(cpu)
			active += per_cpu_ptr(NODE_DATA(node)->per_cpu_nodestats,
					      cpu)->vm_node_stat_diff[NR_GPU_ACTIVE];
	return active;
}

/* The pages themselves are in the backup, and in no other memory. */
static void ttm_backup_test_donated(struct kunit *test, struct ttm_tt *tt,
				    struct page **pages)
{
	struct folio *folio;
	pgoff_t i;

	for (i = 0; i < tt->num_pages; i++) {
		folio = anon_object_find_folio(tt->backup,
					       (loff_t)i << PAGE_SHIFT);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
		KUNIT_EXPECT_PTR_EQ(test, folio_file_page(folio, i), pages[i]);
		folio_unlock(folio);
		folio_put(folio);
	}
}

static void ttm_backup_test_swap(struct kunit *test, struct ttm_tt *tt)
{
	u64 size = (u64)tt->num_pages << PAGE_SHIFT;
	int tries = 100;

	while (tries-- && ttm_backup_test_stat(tt).swapped < size) {
		anon_object_swap_out(tt->backup, 0, size);
		schedule_timeout_uninterruptible(1);
	}
	KUNIT_EXPECT_EQ(test, ttm_backup_test_stat(tt).swapped, size);
}

static void ttm_backup_test_order(struct kunit *test, enum ttm_caching caching,
				  unsigned int order)
{
	pgoff_t num_pages = 1UL << order;
	long active = ttm_backup_test_gpu_active();
	struct page **pages;
	struct ttm_tt *tt;

	tt = ttm_backup_test_tt(test, caching, num_pages);
	pages = kunit_kcalloc(test, num_pages, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	memcpy(pages, tt->pages, num_pages * sizeof(*pages));

	KUNIT_EXPECT_EQ(test, ttm_backup_test_backup(test, tt), num_pages);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_handles(tt), num_pages);
	KUNIT_EXPECT_FALSE(test, ttm_tt_is_populated(tt));
	KUNIT_EXPECT_EQ(test, ttm_backup_test_gpu_active(), active);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_stat(tt).resident,
			num_pages << PAGE_SHIFT);
	ttm_backup_test_donated(test, tt, pages);

	ttm_backup_test_swap(test, tt);
	ttm_backup_test_restore(test, tt);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_stat(tt).resident, 0);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_stat(tt).swapped, 0);

	ttm_backup_test_destroy(test, tt);
	kunit_kfree(test, pages);
}

/* Of every order, the pages are given to the backup, go to swap and come back. */
static void ttm_backup_basic(struct kunit *test)
{
	unsigned int order;

	for (order = 0; order <= MAX_PAGE_ORDER; order++) {
		if (PAGE_SIZE << order > SZ_4M)
			break;
		ttm_backup_test_order(test, ttm_cached, order);
	}
}

/* Where the kernel had no cached mapping of them, it has one again. */
static void ttm_backup_caching(struct kunit *test)
{
	ttm_backup_test_order(test, ttm_write_combined, 3);
	ttm_backup_test_order(test, ttm_uncached, 0);
}

/* A size that is no power of two takes several orders. */
static void ttm_backup_orders(struct kunit *test)
{
	struct ttm_tt *tt = ttm_backup_test_tt(test, ttm_cached, 1 + 2 + 8 + 64);

	KUNIT_EXPECT_EQ(test, ttm_backup_test_backup(test, tt), 1 + 2 + 8 + 64);
	ttm_backup_test_restore(test, tt);
	/* And once more, in what the first time has left */
	KUNIT_EXPECT_EQ(test, ttm_backup_test_backup(test, tt), 1 + 2 + 8 + 64);
	ttm_backup_test_swap(test, tt);
	ttm_backup_test_restore(test, tt);
	ttm_backup_test_destroy(test, tt);
}

/* What has been backed up is not restored when the tt goes. */
static void ttm_backup_drop_all(struct kunit *test)
{
	long active = ttm_backup_test_gpu_active();
	struct ttm_tt *tt;

	tt = ttm_backup_test_tt(test, ttm_cached, 64);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_backup(test, tt), 64);
	ttm_backup_test_destroy(test, tt);
	KUNIT_EXPECT_NULL(test, tt->backup);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_gpu_active(), active);
}

/* Purged pages are nobody's, and nothing is backed up. */
static void ttm_backup_purge(struct kunit *test)
{
	static const struct ttm_backup_flags purge = { .purge = 1 };
	struct ttm_test_devices *devs = test->priv;
	long active = ttm_backup_test_gpu_active();
	struct ttm_tt *tt;

	tt = ttm_backup_test_tt(test, ttm_cached, 64 + 1);
	KUNIT_EXPECT_EQ(test, ttm_tt_backup(devs->ttm_dev, tt, purge), 64 + 1);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_gpu_active(), active);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_handles(tt), 0);
	KUNIT_EXPECT_NULL(test, tt->pages[0]);
	KUNIT_EXPECT_NULL(test, tt->pages[64]);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_stat(tt).resident, 0);
	ttm_backup_test_destroy(test, tt);
}

/* With writeback, it goes to swap at once. */
static void ttm_backup_writeback(struct kunit *test)
{
	static const struct ttm_backup_flags writeback = { .writeback = 1 };
	struct ttm_test_devices *devs = test->priv;
	struct ttm_tt *tt;

	tt = ttm_backup_test_tt(test, ttm_cached, 64);
	KUNIT_EXPECT_EQ(test, ttm_tt_backup(devs->ttm_dev, tt, writeback), 64);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_stat(tt).swapped, SZ_256K);
	ttm_backup_test_restore(test, tt);
	ttm_backup_test_destroy(test, tt);
}

/*
 * Where a place in the backup is taken, the pages cannot be given: they are
 * copied, over what there is.
 */
static void ttm_backup_copied(struct kunit *test)
{
	struct ttm_tt *tt = ttm_backup_test_tt(test, ttm_cached, 64);
	struct page *first = tt->pages[0];
	struct folio *folio;

	KUNIT_ASSERT_EQ(test, anon_object_write(tt->backup, 0, "stale", 5), 0);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_backup(test, tt), 64);
	folio = anon_object_find_folio(tt->backup, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	KUNIT_EXPECT_PTR_NE(test, folio_file_page(folio, 0), first);
	folio_unlock(folio);
	folio_put(folio);
	ttm_backup_test_restore(test, tt);
	ttm_backup_test_destroy(test, tt);
}

#ifdef CONFIG_FAULT_INJECTION
/* Back up a tt while one allocation fails. Returns whether there was such a one. */
static bool ttm_backup_test_nth(struct kunit *test, bool copied, unsigned int nth)
{
	const pgoff_t num_pages = 64 + 2 + 1;
	long active = ttm_backup_test_gpu_active();
	struct ttm_tt *tt;
	long backed_up;
	bool failed;

	tt = ttm_backup_test_tt(test, ttm_cached, num_pages);
	if (copied)
		KUNIT_ASSERT_EQ(test, anon_object_write(tt->backup,
							63 << PAGE_SHIFT,
							"stale", 5), 0);
	current->fail_nth = nth;
	backed_up = ttm_backup_test_backup(test, tt);
	failed = !current->fail_nth;
	current->fail_nth = 0;

	KUNIT_EXPECT_EQ(test, ttm_backup_test_handles(tt), max(backed_up, 0L));
	if (!failed)
		KUNIT_EXPECT_EQ(test, backed_up, num_pages);
	if (backed_up > 0) {
		KUNIT_EXPECT_EQ(test, ttm_backup_test_gpu_active(),
				active + (long)num_pages - backed_up);
		ttm_backup_test_restore(test, tt);
	}
	ttm_backup_test_destroy(test, tt);
	KUNIT_EXPECT_EQ(test, ttm_backup_test_gpu_active(), active);
	return failed;
}

static void ttm_backup_test_each(struct kunit *test, bool copied)
{
	unsigned int nth;

	for (nth = 1; ttm_backup_test_nth(test, copied, nth); nth++)
		KUNIT_ASSERT_LT(test, nth, 200);
	if (nth == 1)
		kunit_skip(test, "failslab and fail_page_alloc ignore gfp-wait");
	kunit_info(test, "%u allocations failed\n", nth - 1);
}

/* What cannot be given for want of memory is copied, or stays. */
static void ttm_backup_nomem(struct kunit *test)
{
	ttm_backup_test_each(test, false);
}

/* Of what can be copied in part only, that part is split off. */
static void ttm_backup_nomem_copied(struct kunit *test)
{
	ttm_backup_test_each(test, true);
}

static bool ttm_backup_test_restore_nth(struct kunit *test, unsigned int nth)
{
	struct ttm_test_devices *devs = test->priv;
	const pgoff_t num_pages = 64 + 2 + 1;
	struct ttm_tt *tt;
	bool failed;
	int err;

	tt = ttm_backup_test_tt(test, ttm_cached, num_pages);
	KUNIT_ASSERT_EQ(test, ttm_backup_test_backup(test, tt), num_pages);
	ttm_backup_test_swap(test, tt);

	current->fail_nth = nth;
	err = ttm_tt_restore(devs->ttm_dev, tt, &simple_ctx);
	failed = !current->fail_nth;
	current->fail_nth = 0;

	if (err) {
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_TRUE(test, failed);
		ttm_backup_test_restore(test, tt);
	} else {
		ttm_backup_test_restored(test, tt);
	}
	ttm_backup_test_destroy(test, tt);
	return failed;
}

/* A restore that fails goes on where it was when it is tried again. */
static void ttm_backup_restore_nomem(struct kunit *test)
{
	unsigned int nth;

	for (nth = 1; ttm_backup_test_restore_nth(test, nth); nth++)
		KUNIT_ASSERT_LT(test, nth, 400);
	if (nth == 1)
		kunit_skip(test, "failslab and fail_page_alloc ignore gfp-wait");
	kunit_info(test, "%u allocations failed\n", nth - 1);
}
#endif

static struct kunit_case ttm_backup_test_cases[] = {
	KUNIT_CASE(ttm_backup_basic),
	KUNIT_CASE(ttm_backup_caching),
	KUNIT_CASE(ttm_backup_orders),
	KUNIT_CASE(ttm_backup_drop_all),
	KUNIT_CASE(ttm_backup_purge),
	KUNIT_CASE(ttm_backup_writeback),
	KUNIT_CASE(ttm_backup_copied),
#ifdef CONFIG_FAULT_INJECTION
	KUNIT_CASE(ttm_backup_nomem),
	KUNIT_CASE(ttm_backup_nomem_copied),
	KUNIT_CASE(ttm_backup_restore_nomem),
#endif
	{}
};

static struct kunit_suite ttm_backup_test_suite = {
	.name = "ttm_backup",
	.init = ttm_backup_test_init,
	.exit = ttm_test_devices_fini,
	.test_cases = ttm_backup_test_cases,
};

kunit_test_suites(&ttm_backup_test_suite);

MODULE_DESCRIPTION("KUnit tests for ttm backup");
MODULE_LICENSE("GPL and additional rights");
