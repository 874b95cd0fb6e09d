// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: what is shmem's alone, which is huge
 * policy, swap and where memory comes from.
 */
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "test.h"

#define SHMEM_ENABLED	"kernel/mm/transparent_hugepage/shmem_enabled"

/* Both are on shmem, one with large folios */
static const struct anon_test_shmem {
	struct anon_test_backend backend;
	const char *desc;
} anon_test_shmem[] = {
	{
		.backend = { .huge = ANON_OBJECT_HUGE_NEVER },
		.desc = "small",
	}, {
		.backend = { .huge = ANON_OBJECT_HUGE_WITHIN_SIZE },
		.desc = "within-size",
	},
};

KUNIT_ARRAY_PARAM_DESC(anon_test_shmem, anon_test_shmem, desc);

static struct anon_object *anon_test_policy(struct kunit *test,
					    enum anon_object_huge huge,
					    loff_t size)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = size,
		.huge = huge,
	};

	return anon_test_create(test, &attrs);
}

static const struct anon_test_huge {
	const char *desc;
	enum anon_object_huge huge;
	const char *enabled;
	loff_t size;
	loff_t large;
} anon_test_huge[] = {
	{ "never", ANON_OBJECT_HUGE_NEVER, NULL, SZ_1M, 0 },
	{ "within-size-1M", ANON_OBJECT_HUGE_WITHIN_SIZE, NULL, SZ_1M, SZ_1M },
	{ "within-size-64K", ANON_OBJECT_HUGE_WITHIN_SIZE, NULL, SZ_64K,
	  SZ_64K },
	{ "within-size-odd", ANON_OBJECT_HUGE_WITHIN_SIZE, NULL, SZ_64K - 1,
	  SZ_64K },
	{ "always-1M", ANON_OBJECT_HUGE_ALWAYS, NULL, SZ_1M, PMD_SIZE },
	{ "advise", ANON_OBJECT_HUGE_ADVISE, NULL, SZ_1M, 0 },
	{ "deny", ANON_OBJECT_HUGE_WITHIN_SIZE, "deny", SZ_1M, 0 },
	{ "deny-always", ANON_OBJECT_HUGE_ALWAYS, "deny", SZ_1M, 0 },
	{ "force", ANON_OBJECT_HUGE_NEVER, "force", PMD_SIZE, PMD_SIZE },
	{ "system-always", ANON_OBJECT_HUGE_SYSTEM, "always", SZ_1M, PMD_SIZE },
	{ "system-never", ANON_OBJECT_HUGE_SYSTEM, "never", SZ_1M, 0 },
	{ "never-always", ANON_OBJECT_HUGE_NEVER, "always", SZ_1M, 0 },
};

KUNIT_ARRAY_PARAM_DESC(anon_test_huge, anon_test_huge, desc);

/* Pins get folios of the size that the policy, and the system, allow. */
static void anon_object_test_huge(struct kunit *test)
{
	const struct anon_test_huge *param = test->param_value;
	struct anon_object *obj = anon_test_policy(test, param->huge,
						   param->size);
	loff_t size = PAGE_ALIGN(param->size);
	struct page **pages = anon_test_pages(test, obj);
	size_t want = anon_test_thp() && param->large ? param->large :
							PAGE_SIZE;
	bool sure = want < PMD_SIZE || PMD_SIZE == ANON_TEST_LARGE;
	size_t got;
	int err;

	if (param->enabled && !anon_test_thp())
		kunit_skip(test, "no transparent huge pages");
	/* There, it is that or nothing */
	if (param->enabled && !sure)
		kunit_skip(test, "no room for a folio of PMD_SIZE");
	if (param->enabled)
		anon_test_sysfs(test, SHMEM_ENABLED, param->enabled);
	err = anon_object_pin_pages(obj, 0, size, pages);
	KUNIT_ASSERT_EQ(test, err, 0);
	got = folio_size(page_folio(pages[0]));
	if (sure) {
		KUNIT_EXPECT_EQ(test, got, want);
	} else {
		KUNIT_EXPECT_GT(test, got, size);
		KUNIT_EXPECT_LE(test, got, want);
	}
	anon_object_unpin_pages(obj, pages, size >> PAGE_SHIFT, 0);
}

/* What is written gets large folios too. */
static void anon_object_test_huge_write(struct kunit *test)
{
	struct anon_object *obj = anon_test_policy(test,
						   ANON_OBJECT_HUGE_WITHIN_SIZE,
						   SZ_1M);
	u64 want = anon_test_thp() ? SZ_1M : PAGE_SIZE;

	KUNIT_ASSERT_EQ(test, anon_object_write(obj, SZ_64K, "x", 1), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), want);
}

/* A size that is no power of 2 is made of folios that are, down to its end. */
static void anon_object_test_huge_tail(struct kunit *test)
{
	static const size_t want[] = { SZ_2M, SZ_1M, SZ_256K };
	loff_t size = SZ_2M + SZ_1M + SZ_256K;
	struct anon_object *obj = anon_test_policy(test,
						   ANON_OBJECT_HUGE_WITHIN_SIZE,
						   size);
	struct page **pages = anon_test_pages(test, obj);
	loff_t pos = 0;
	int i;

	if (!anon_test_thp() || PMD_SIZE < SZ_2M)
		kunit_skip(test, "no huge pages of 2 MiB");
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		struct page *page = pages[pos >> PAGE_SHIFT];

		KUNIT_EXPECT_EQ(test, folio_size(page_folio(page)), want[i]);
		pos += want[i];
	}
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), size);
	anon_object_unpin_pages(obj, pages, size >> PAGE_SHIFT, 0);
}

static struct anon_object *anon_test_shmem_object(struct kunit *test,
						  loff_t size)
{
	const struct anon_test_shmem *param = test->param_value;
	struct anon_object *obj = anon_test_policy(test, param->backend.huge,
						   size);

	anon_test_fill(test, obj);
	return obj;
}

/* All of an object goes to swap at once, and comes back by prefetch. */
static void anon_object_test_swap_out(struct kunit *test)
{
	struct anon_object *obj;

	anon_test_need_swap(test);
	obj = anon_test_shmem_object(test, SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), SZ_1M);

	KUNIT_EXPECT_GT(test, anon_object_swap_out(obj, 0, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);

	KUNIT_EXPECT_EQ(test, anon_object_prefetch(obj, 0, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_test_swapped(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_1M));
}

/* A pin brings an object back, as it was. */
static void anon_object_test_swap_pin(struct kunit *test)
{
	struct anon_object *obj;
	struct page **pages;

	anon_test_need_swap(test);
	obj = anon_test_shmem_object(test, SZ_1M);
	pages = anon_test_pages(test, obj);
	KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, SZ_1M, pages), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_test_swapped(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_1M));
	anon_object_unpin_pages(obj, pages, SZ_1M >> PAGE_SHIFT, 0);
}

/* A folio that is asked for comes back as it was, and is data meanwhile. */
static void anon_object_test_swap_folio(struct kunit *test)
{
	struct folio *(*const calls[])(struct anon_object *obj, loff_t pos) = {
		anon_object_find_folio, anon_object_get_folio,
	};
	const loff_t pos = SZ_512K + PAGE_SIZE;
	struct anon_object *obj;
	struct folio *folio;
	struct page *page;
	int i;

	anon_test_need_swap(test);
	obj = anon_test_shmem_object(test, SZ_1M);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);
		KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, pos), pos);
		KUNIT_ASSERT_EQ(test, anon_test_swapped(obj), SZ_1M);

		folio = calls[i](obj, pos);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
		KUNIT_EXPECT_LT(test, anon_test_swapped(obj), SZ_1M);
		page = folio_file_page(folio, pos >> PAGE_SHIFT);
		KUNIT_EXPECT_TRUE(test, anon_test_page_holds(test, page, pos));
		folio_unlock(folio);

		/* The reference keeps it */
		anon_object_swap_out(obj, 0, SZ_1M);
		KUNIT_EXPECT_GE(test, anon_test_resident(obj),
				folio_size(folio));
		folio_put(folio);
	}
}

/* What is punched in swap is cleared as what is in memory. */
static void anon_object_test_swap_punch(struct kunit *test)
{
	const loff_t from = SZ_64K - 9, end = SZ_1M - SZ_64K - 11;
	struct anon_object *obj;

	anon_test_need_swap(test);
	obj = anon_test_shmem_object(test, SZ_1M);
	KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, from, end - from), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, from));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, from, end - from));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, end, SZ_1M - end));
}

/* What a device has written since it came back is what swap has next. */
static void anon_object_test_swap_dirty(struct kunit *test)
{
	const size_t size = 16 * PAGE_SIZE;
	struct anon_object_map map;
	struct anon_object *obj;

	anon_test_need_swap(test);
	obj = anon_test_policy(test, ANON_OBJECT_HUGE_NEVER, size);
	KUNIT_ASSERT_EQ(test, anon_object_write(obj, 0, "x", 1), 0);
	KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, PAGE_SIZE), PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, anon_object_vmap(obj, 0, size, PAGE_KERNEL,
					       &map), 0);
	anon_test_pattern(map.vaddr, 0, size);
	anon_object_vunmap(obj, &map, ANON_OBJECT_DIRTY);
	KUNIT_EXPECT_EQ(test, anon_test_swap_out(obj, size), size);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, size));
}

/* What waits in a batch to be made active goes like the rest, at once. */
static void anon_object_test_swap_batched(struct kunit *test)
{
	struct anon_object *obj;
	int i;

	anon_test_need_swap(test);
	/* More than a batch, so that the first page's has been seen to */
	obj = anon_test_policy(test, ANON_OBJECT_HUGE_NEVER, 256 * PAGE_SIZE);
	anon_test_fill(test, obj);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0,
							PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, anon_object_swap_out(obj, 0, PAGE_SIZE), 1);
	KUNIT_EXPECT_EQ(test, anon_test_swapped(obj), PAGE_SIZE);
}

/* Only the range asked for goes to swap. */
static void anon_object_test_swap_range(struct kunit *test)
{
	struct anon_object *obj;
	long ret;

	anon_test_need_swap(test);
	obj = anon_test_policy(test, ANON_OBJECT_HUGE_NEVER, SZ_1M);
	anon_test_fill(test, obj);
	ret = anon_object_swap_out(obj, SZ_256K, SZ_64K);
	KUNIT_EXPECT_LE(test, ret, SZ_64K >> PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, anon_test_swapped(obj), ret << PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj),
			SZ_1M - (ret << PAGE_SHIFT));
	KUNIT_EXPECT_GT(test, ret, 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_1M));
}

/* Pinned folios stay where they are, those around them go. */
static void anon_object_test_swap_skips_pinned(struct kunit *test)
{
	struct page *pages[4], *before;
	const size_t len = ARRAY_SIZE(pages) * PAGE_SIZE;
	struct anon_object *obj;
	u64 stays;

	anon_test_need_swap(test);
	obj = anon_test_shmem_object(test, SZ_1M);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, SZ_256K, len, pages),
			0);
	before = pages[0];
	stays = max_t(u64, folio_size(page_folio(pages[0])), len);

	KUNIT_EXPECT_EQ(test, anon_test_swap_out(obj, SZ_1M - stays),
			SZ_1M - stays);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), stays);
	anon_object_unpin_pages(obj, pages, ARRAY_SIZE(pages), 0);

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, SZ_256K, len, pages),
			0);
	KUNIT_EXPECT_PTR_EQ(test, pages[0], before);
	anon_object_unpin_pages(obj, pages, ARRAY_SIZE(pages), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_1M));
	KUNIT_EXPECT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);
}

/* What is SHM_LOCKed stays too, until it no longer is. */
static void anon_object_test_swap_skips_locked(struct kunit *test)
{
	struct ucounts *ucounts = current_ucounts();
	struct anon_object *obj;

	anon_test_need_swap(test);
	obj = anon_test_shmem_object(test, SZ_1M);
	KUNIT_ASSERT_EQ(test, anon_object_lock(obj, ucounts), 0);
	KUNIT_EXPECT_EQ(test, anon_object_swap_out(obj, 0, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_test_swapped(obj), 0);

	anon_object_unlock(obj, ucounts);
	anon_object_move_evictable(obj);
	KUNIT_EXPECT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);
}

/* Who has locked a folio, or but has a reference, is not waited for. */
static void anon_object_test_swap_skips_busy(struct kunit *test)
{
	struct anon_object *obj;
	struct folio *folio;
	size_t size;

	anon_test_need_swap(test);
	obj = anon_test_shmem_object(test, SZ_1M);
	folio = filemap_lock_folio(anon_test_inode(obj)->i_mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	size = min(folio_size(folio), SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_object_swap_out(obj, 0, size), 0);
	folio_unlock(folio);
	KUNIT_EXPECT_EQ(test, anon_object_swap_out(obj, 0, size), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), SZ_1M);
	folio_put(folio);
	KUNIT_EXPECT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_1M));
}

/* What nobody has written to since it was cleared needs no swap to go. */
static void anon_object_test_swap_clean(struct kunit *test)
{
	const struct anon_test_shmem *param = test->param_value;
	struct anon_object *obj;
	struct page **pages;
	int i;

	anon_test_need_swap(test);
	obj = anon_test_policy(test, param->backend.huge, SZ_1M);
	pages = anon_test_pages(test, obj);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, SZ_1M, pages), 0);
	anon_object_unpin_pages(obj, pages, SZ_1M >> PAGE_SHIFT, 0);
	for (i = 0; i < 100 && anon_test_resident(obj); i++)
		anon_object_swap_out(obj, 0, SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_swapped(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, SZ_1M));
}

/* Mappings are removed from what goes; user space does not notice. */
static void anon_object_test_swap_mapped(struct kunit *test)
{
	const struct anon_view_attrs attrs = { .flags = O_RDWR };
	u8 *got = anon_test_buffer(test, SZ_1M);
	u8 *want = anon_test_buffer(test, SZ_1M);
	struct anon_object *obj;
	unsigned long addr;
	struct file *view;

	anon_test_need_swap(test);
	obj = anon_test_shmem_object(test, SZ_1M);
	view = anon_object_view(obj, &attrs);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, view);
	addr = anon_test_mmap(test, view, SZ_1M, PROT_READ | PROT_WRITE);
	fput(view);
	anon_test_pattern(want, 0, SZ_1M);
	KUNIT_EXPECT_EQ(test, copy_from_user(got, (void __user *)addr, SZ_1M),
			0);

	/* What user space writes while it is mapped goes along */
	KUNIT_EXPECT_EQ(test, put_user(0x5a, (u8 __user *)addr), 0);
	want[0] = 0x5a;
	KUNIT_EXPECT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);
	KUNIT_EXPECT_EQ(test, copy_from_user(got, (void __user *)addr, SZ_1M),
			0);
	KUNIT_EXPECT_EQ(test, memcmp(got, want, SZ_1M), 0);
	vm_munmap(addr, SZ_1M);
}

/* Prefetch reads what is in swap, and fills no holes. */
static void anon_object_test_prefetch_holes(struct kunit *test)
{
	u8 *buf = anon_test_buffer(test, PAGE_SIZE);
	const size_t size = 16 * PAGE_SIZE;
	struct anon_object *obj;

	anon_test_need_swap(test);
	obj = anon_test_policy(test, ANON_OBJECT_HUGE_NEVER, size);
	anon_test_pattern(buf, 3 * PAGE_SIZE, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, anon_object_write(obj, 3 * PAGE_SIZE, buf,
						PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, PAGE_SIZE), PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, anon_object_prefetch(obj, 0, 3 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_object_prefetch(obj, 0, size), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 3 * PAGE_SIZE,
						PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, 3 * PAGE_SIZE));
}

/* What is being written keeps its place in swap, until reclaim comes to it */
static void anon_test_wait_for_writeback(void)
{
	int i;

	for (i = 0; i < 250 && global_node_page_state(NR_WRITEBACK); i++)
		msleep(20);
}

/* An object goes with what it has in swap. */
static void anon_object_test_swap_freed(struct kunit *test)
{
	struct anon_object *obj;
	long before, swapped;

	anon_test_need_swap(test);
	obj = anon_test_shmem_object(test, SZ_8M);
	before = get_nr_swap_pages();
	KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, SZ_8M), SZ_8M);
	swapped = before - get_nr_swap_pages();
	KUNIT_EXPECT_GE(test, swapped, (SZ_8M >> PAGE_SHIFT) / 2);
	anon_test_wait_for_writeback();
	anon_test_put(test, obj);
	KUNIT_EXPECT_GE(test, get_nr_swap_pages(), before - swapped / 2);
}

/* A range that is dropped reads as zeroes, was it in memory or in swap. */
static void anon_object_test_truncate_range(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem_object(test, SZ_1M);

	if (anon_test_has_swap())
		anon_object_swap_out(obj, 0, SZ_512K);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, SZ_256K, SZ_512K),
			0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj) + anon_test_swapped(obj),
			SZ_512K);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_256K));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, SZ_256K, SZ_512K));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, SZ_512K + SZ_256K,
						SZ_256K));
}

/* The end of an object needs no alignment. */
static void anon_object_test_truncate_end(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem_object(test, 3 * PAGE_SIZE +
							 100);

	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 2 * PAGE_SIZE,
							 PAGE_SIZE + 100), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, 2 * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 2 * PAGE_SIZE,
					       PAGE_SIZE + 100));
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, PAGE_SIZE, 100),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 0,
							 3 * PAGE_SIZE + 100),
			0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

static void anon_test_check_low(struct kunit *test, struct page **pages,
				size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (anon_test_is_high(pages[i]))
			break;
	KUNIT_EXPECT_EQ(test, i, nr);
}

static struct anon_object *anon_test_low(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_1M,
		.gfp = ANON_TEST_LOW,
	};

	anon_test_need_high(test);
	return anon_test_create(test, &attrs);
}

static void anon_test_pin_low(struct kunit *test, struct anon_object *obj)
{
	struct page **pages = anon_test_pages(test, obj);
	size_t nr = SZ_1M >> PAGE_SHIFT;

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, SZ_1M, pages), 0);
	anon_test_check_low(test, pages, nr);
	anon_object_unpin_pages(obj, pages, nr, ANON_OBJECT_DIRTY);
}

/* A gfp constraint holds for new memory. */
static void anon_object_test_gfp(struct kunit *test)
{
	struct anon_object *obj = anon_test_low(test);
	gfp_t gfp = mapping_gfp_mask(anon_test_inode(obj)->i_mapping);

	KUNIT_EXPECT_TRUE(test, gfp == ANON_TEST_LOW);
	anon_test_pin_low(test, obj);
}

/* ... and for what comes back from swap, by a pin or before one. */
static void anon_object_test_gfp_swap(struct kunit *test)
{
	struct anon_object *obj = anon_test_low(test);

	anon_test_need_swap(test);
	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);
	anon_test_pin_low(test, obj);
	KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, SZ_1M), SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_object_prefetch(obj, 0, SZ_1M), 0);
	anon_test_pin_low(test, obj);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_1M));
}

/* More than there is memory cannot be accounted for, unless it need not be. */
static void anon_object_test_noreserve(struct kunit *test)
{
	struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = min(SZ_1T * 16, MAX_LFS_FILESIZE),
		.flags = ANON_OBJECT_NORESERVE,
	};
	struct anon_object *obj;

	anon_test_create(test, &attrs);
	attrs.flags = 0;
	obj = anon_object_create(&attrs);
	if (!IS_ERR(obj))
		anon_object_put(obj);
	KUNIT_EXPECT_PTR_EQ(test, obj, ERR_PTR(-ENOMEM));
}

static struct kunit_case anon_object_shmem_cases[] = {
	KUNIT_CASE_PARAM(anon_object_test_huge, anon_test_huge_gen_params),
	KUNIT_CASE(anon_object_test_huge_write),
	KUNIT_CASE(anon_object_test_huge_tail),
	KUNIT_CASE_PARAM(anon_object_test_swap_out, anon_test_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_swap_pin, anon_test_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_swap_folio,
			 anon_test_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_swap_punch,
			 anon_test_shmem_gen_params),
	KUNIT_CASE(anon_object_test_swap_dirty),
	KUNIT_CASE(anon_object_test_swap_batched),
	KUNIT_CASE(anon_object_test_swap_range),
	KUNIT_CASE_PARAM(anon_object_test_swap_skips_pinned,
			 anon_test_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_swap_skips_locked,
			 anon_test_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_swap_skips_busy,
			 anon_test_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_swap_clean,
			 anon_test_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_swap_mapped,
			 anon_test_shmem_gen_params),
	KUNIT_CASE(anon_object_test_prefetch_holes),
	KUNIT_CASE_PARAM(anon_object_test_swap_freed,
			 anon_test_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_truncate_range,
			 anon_test_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_truncate_end,
			 anon_test_shmem_gen_params),
	KUNIT_CASE(anon_object_test_gfp),
	KUNIT_CASE(anon_object_test_gfp_swap),
	KUNIT_CASE(anon_object_test_noreserve),
	{}
};

static struct kunit_suite anon_object_shmem_suite = {
	.name = "anon_object_shmem",
	.init = anon_test_init,
	.test_cases = anon_object_shmem_cases,
};

kunit_test_suite(anon_object_shmem_suite);
