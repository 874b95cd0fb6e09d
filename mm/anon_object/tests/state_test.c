// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: what may not happen at the same time, pages
 * that are broken, and memory that is not where it may be.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/hugetlb.h>
#include <linux/iosys-map.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/workqueue.h>

#include "../internal.h"
#include "test.h"

KUNIT_ARRAY_PARAM_DESC(anon_test_backend, anon_test_backends, desc);

/* --- purge, punch and pins ------------------------------------------------ */

/* Something that is done to an object while the test does something else */
struct anon_test_other {
	struct work_struct work;
	struct completion began;
	struct anon_object *obj;
	struct file *file;
	struct page *page;
	int mode;
	int err;
};

static void anon_test_queue(struct anon_test_other *other, work_func_t func)
{
	init_completion(&other->began);
	INIT_WORK_ONSTACK(&other->work, func);
	queue_work(system_unbound_wq, &other->work);
}

static void anon_test_start(struct anon_test_other *other, work_func_t func)
{
	anon_test_queue(other, func);
	wait_for_completion(&other->began);
}

/* Until somebody waits for it, for 10 seconds at most */
static bool anon_test_contended(struct rw_semaphore *sem)
{
	int i;

	for (i = 0; i < 500 && !rwsem_is_contended(sem); i++)
		msleep(20);
	return rwsem_is_contended(sem);
}

static void anon_test_finish(struct anon_test_other *other)
{
	flush_work(&other->work);
	destroy_work_on_stack(&other->work);
}

static void anon_test_fallocate_work(struct work_struct *work)
{
	struct anon_test_other *other = container_of(work,
						     struct anon_test_other,
						     work);

	complete(&other->began);
	other->err = vfs_fallocate(other->file, other->mode, 0,
				   i_size_read(file_inode(other->file)));
}

/* Returns whether fallocate() was at it still */
static bool anon_test_purge_midway(struct kunit *test)
{
	const struct anon_test_backend *param = test->param_value;
	const unsigned long timeout = jiffies + 10 * HZ;
	long committed = anon_test_committed(test);
	struct anon_test_other other = {};
	loff_t size = SZ_64M;

	/*
	 * Large folios are not cleared by fallocate(), so they are soon had. Of
	 * this size, it needs many of them, as large as they may be.
	 */
	if (param->huge == ANON_OBJECT_HUGE_WITHIN_SIZE)
		size = SZ_512M - PAGE_SIZE;
	if (anon_test_is_hugetlb(test))
		size = SZ_16M;
	other.obj = anon_test_object(test, size);
	other.file = anon_test_rw_view(test, other.obj);
	/* Who slept until it has begun could wake when it is over */
	anon_test_queue(&other, anon_test_fallocate_work);
	while (!anon_test_resident(other.obj) && time_before(jiffies, timeout))
		cond_resched();
	KUNIT_EXPECT_EQ(test, anon_object_purge(other.obj), 0);
	anon_test_finish(&other);

	KUNIT_EXPECT_EQ(test, anon_object_size(other.obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(other.obj), 0);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(other.file, 0, 0, SZ_2M), -EPERM);
	KUNIT_EXPECT_EQ(test, anon_test_resident(other.obj), 0);
	anon_test_fput(test, other.file);
	anon_test_put(test, other.obj);
	if (anon_test_is_hugetlb(test))
		KUNIT_EXPECT_EQ(test, anon_test_committed(test), committed);
	return other.err;
}

/* A purge in the middle of fallocate() is the end of that. */
static void anon_object_test_purge_fallocates(struct kunit *test)
{
	int i, midway = 0;

	for (i = 0; i < 20 && midway < 3; i++)
		midway += anon_test_purge_midway(test);
	KUNIT_EXPECT_GT(test, midway, 0);
}

/* It is given back once, purged or not; others may hold some meanwhile. */
static void anon_object_test_purge_accounts(struct kunit *test)
{
	bool hugetlb = anon_test_is_hugetlb(test);
	long slack = hugetlb ? 0 : SZ_32M >> PAGE_SHIFT, before;
	struct anon_object *obj;

	if (hugetlb)
		anon_test_pool(test, anon_test_huge_pages(test, SZ_4M));
	before = anon_test_committed(test);
	obj = anon_test_object(test, hugetlb ? SZ_4M : SZ_64M);
	KUNIT_EXPECT_GT(test, anon_test_committed(test), before + slack);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
	anon_test_put(test, obj);
	KUNIT_EXPECT_LE(test, anon_test_committed(test), before + slack);
	KUNIT_EXPECT_GE(test, anon_test_committed(test), before - slack);
}

/* Nobody pins what was purged, by way of a file either, nor is it reserved. */
static void anon_object_test_purge_memfd(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *file = anon_test_rw_view(test, obj);
	struct folio *folio;
	pgoff_t offset;
	long committed;

	KUNIT_ASSERT_EQ(test, anon_object_purge(obj), 0);
	committed = anon_test_committed(test);
	KUNIT_EXPECT_LT(test, memfd_pin_folios(file, 0, PAGE_SIZE - 1, &folio,
					       1, &offset), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	if (anon_test_is_hugetlb(test))
		KUNIT_EXPECT_EQ(test, anon_test_committed(test), committed);
}

/* A punch that has to wait for a lock sees the pin that has not. */
static void anon_object_test_punch_pins(struct kunit *test)
{
	struct anon_test_other other = {
		.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	};
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	size_t size = anon_object_size(obj);
	struct inode *inode = anon_test_inode(obj);
	struct page *page;

	anon_test_fill(test, obj);
	other.file = anon_test_rw_view(test, obj);
	inode_lock(inode);
	anon_test_start(&other, anon_test_fallocate_work);
	KUNIT_EXPECT_TRUE(test, anon_test_contended(&inode->i_rwsem));
	KUNIT_EXPECT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &page),
			0);
	inode_unlock(inode);
	anon_test_finish(&other);

	KUNIT_EXPECT_EQ(test, other.err, -EBUSY);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, size));
	anon_object_unpin_pages(obj, &page, 1, 0);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(other.file, other.mode, 0, size),
			0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, size));
}

static void anon_test_punch_work(struct work_struct *work)
{
	struct anon_test_other *other =
		container_of(work, struct anon_test_other, work);

	complete(&other->began);
	other->err = anon_object_punch(other->obj, 0,
				       anon_object_size(other->obj));
}

static void anon_test_pin_work(struct work_struct *work)
{
	struct anon_test_other *other =
		container_of(work, struct anon_test_other, work);

	complete(&other->began);
	other->err = anon_object_pin_pages(other->obj,
					   anon_object_size(other->obj) / 2,
					   PAGE_SIZE, &other->page);
}

/*
 * A pin waits for a punch that is at work, and pins nothing that it frees: here
 * that waits for the first folio, and the pin is of another.
 */
static void anon_object_test_pin_waits_for_punch(struct kunit *test)
{
	size_t unit = ANON_TEST_LARGE;
	struct anon_test_other punch = {}, pin = { .err = 1 };
	struct address_space *mapping;
	struct anon_object *obj;
	struct folio *folio;

	if (anon_test_is_hugetlb(test))
		unit = huge_page_size(anon_test_hstate(test));
	obj = anon_test_object(test, 2 * unit);
	punch.obj = obj;
	pin.obj = obj;
	mapping = anon_object_mapping(obj);
	anon_test_fill(test, obj);
	folio = filemap_lock_folio(mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	anon_test_start(&punch, anon_test_punch_work);
	KUNIT_EXPECT_TRUE(test, anon_test_waited_for(folio));
	anon_test_start(&pin, anon_test_pin_work);
	msleep(100);
	KUNIT_EXPECT_EQ(test, READ_ONCE(pin.err), 1);
	folio_unlock(folio);
	folio_put(folio);
	anon_test_finish(&punch);
	anon_test_finish(&pin);

	KUNIT_EXPECT_EQ(test, punch.err, 0);
	KUNIT_ASSERT_EQ(test, pin.err, 0);
	KUNIT_EXPECT_PTR_EQ(test, page_folio(pin.page)->mapping, mapping);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, 2 * unit));
	anon_object_unpin_pages(obj, &pin.page, 1, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

/* --- large folios across an end ------------------------------------------- */

/* An object in a folio that is larger than it, by more than the last page */
static struct anon_object *anon_test_larger(struct kunit *test, loff_t size)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = size,
		.huge = ANON_OBJECT_HUGE_ALWAYS,
	};
	struct anon_object *obj;

	if (!anon_test_thp())
		kunit_skip(test, "no large folios");
	obj = anon_test_create(test, &attrs);
	anon_test_fill(test, obj);
	KUNIT_ASSERT_GE(test, anon_test_resident(obj),
			round_up(size, ANON_TEST_LARGE));
	KUNIT_ASSERT_LE(test, anon_test_resident(obj), PMD_SIZE);
	return obj;
}

/*
 * An object of two large folios. It has to grow to that, lest it be one folio
 * where that may be larger.
 */
static struct anon_object *anon_test_two_large(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = ANON_TEST_LARGE,
		.huge = ANON_OBJECT_HUGE_WITHIN_SIZE,
		.flags = ANON_OBJECT_RESIZABLE,
	};
	struct anon_object *obj;

	if (!anon_test_thp())
		kunit_skip(test, "no large folios");
	obj = anon_test_create(test, &attrs);
	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_object_resize(obj, 2 * attrs.size), 0);
	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_test_resident(obj), 2 * attrs.size);
	return obj;
}

/* What is larger than the object goes as well, and a device's is left alone. */
static void anon_object_test_tail_pinned(struct kunit *test)
{
	const loff_t size = ANON_TEST_LARGE * 3 / 4;
	struct page *page;
	int purge;

	for (purge = 0; purge < 2; purge++) {
		struct anon_object *obj = anon_test_larger(test, size);

		KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE,
							    &page), 0);
		if (purge)
			KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
		else
			KUNIT_EXPECT_EQ(test,
					anon_object_truncate_range(obj, 0,
								   size), 0);
		KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
		KUNIT_EXPECT_TRUE(test, anon_test_page_holds(test, page, 0));
		anon_object_unpin_pages(obj, &page, 1, ANON_OBJECT_DIRTY);
		KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	}
}

/* A folio that is in use on the other side of an end stays as it is. */
static void anon_object_test_truncate_across(struct kunit *test)
{
	const loff_t large = ANON_TEST_LARGE, half = large / 2;
	struct anon_object *obj = anon_test_two_large(test);
	const loff_t size = 2 * large;
	struct page *page;

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &page),
			0);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 0, half), -EBUSY);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, half, size - half),
			-EBUSY);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, size));
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, large, half), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, large));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, large, half));
	anon_object_unpin_pages(obj, &page, 1, 0);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 0, half), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, half));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, half, half));
}

static void anon_test_truncate_work(struct work_struct *work)
{
	struct anon_test_other *other = container_of(work,
						     struct anon_test_other,
						     work);
	const loff_t half = ANON_TEST_LARGE / 2;

	complete(&other->began);
	other->err = anon_object_truncate_range(other->obj, half, half);
}

/* Who pins it before truncation has got to it has it as it was. */
static void anon_object_test_truncate_pins(struct kunit *test)
{
	struct anon_test_other other = { .obj = anon_test_two_large(test) };
	struct address_space *mapping = anon_test_inode(other.obj)->i_mapping;
	struct page **pages = anon_test_pages(test, other.obj);
	const loff_t large = ANON_TEST_LARGE;

	/* Truncation unmaps first, and so it waits */
	i_mmap_lock_write(mapping);
	anon_test_start(&other, anon_test_truncate_work);
	KUNIT_EXPECT_TRUE(test, anon_test_contended(&mapping->i_mmap_rwsem));
	KUNIT_EXPECT_EQ(test, anon_object_pin_pages(other.obj, 0, large, pages),
			0);
	i_mmap_unlock_write(mapping);
	anon_test_finish(&other);

	KUNIT_EXPECT_EQ(test, other.err, -EBUSY);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, other.obj, 0, large));
	anon_object_unpin_pages(other.obj, pages, large >> PAGE_SHIFT, 0);
}

/* Nor does a folio that is pinned lose its end to a smaller size. */
static void anon_object_test_resize_pinned(struct kunit *test)
{
	const loff_t large = ANON_TEST_LARGE, half = large / 2;
	struct anon_object *obj = anon_test_two_large(test);
	struct page *page;

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, half, PAGE_SIZE,
						    &page), 0);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, half), -EBUSY);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), 2 * large);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, 2 * large));
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, large), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_page_holds(test, page, half));
	anon_object_unpin_pages(obj, &page, 1, 0);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, half), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, half));
}

/* What goes with the size leaves the object, pinned or not. */
static void anon_object_test_resize_beneath_pin(struct kunit *test)
{
	struct anon_object *obj = anon_test_two_pages(test);
	struct page *page;

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, PAGE_SIZE, PAGE_SIZE,
						    &page), 0);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), PAGE_SIZE);
	KUNIT_EXPECT_NULL(test, page_folio(page)->mapping);
	KUNIT_EXPECT_TRUE(test, anon_test_page_holds(test, page, PAGE_SIZE));
	anon_object_unpin_pages(obj, &page, 1, ANON_OBJECT_DIRTY);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), PAGE_SIZE);
}

/* --- pins of a part ------------------------------------------------------- */

/* Reclaim may have what is not pinned. */
static void anon_object_test_part_evictable(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	struct address_space *mapping = anon_test_inode(obj)->i_mapping;
	struct page **pages = anon_test_pages(test, obj);
	size_t size = anon_object_size(obj), nr = size >> PAGE_SHIFT;

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size - PAGE_SIZE,
						    pages), 0);
	KUNIT_EXPECT_FALSE(test, mapping_unevictable(mapping));
	anon_object_unpin_pages(obj, pages, nr - 1, 0);

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	KUNIT_EXPECT_TRUE(test, mapping_unevictable(mapping));
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, pages),
			0);
	anon_object_unpin_pages(obj, pages, 1, 0);
	KUNIT_EXPECT_TRUE(test, mapping_unevictable(mapping));
	anon_object_unpin_pages(obj, pages, nr, 0);
	KUNIT_EXPECT_FALSE(test, mapping_unevictable(mapping));
}

static u64 anon_test_pin_time(struct kunit *test, struct anon_object *obj)
{
	u64 best = U64_MAX, begin;
	struct page *page;
	int i;

	for (i = 0; i < 100; i++) {
		begin = ktime_get_ns();
		KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE,
							    &page), 0);
		anon_object_unpin_pages(obj, &page, 1, 0);
		best = min(best, ktime_get_ns() - begin);
	}
	return best;
}

/* What it takes to look at each page of an object once */
static u64 anon_test_walk_time(struct kunit *test, struct anon_object *obj)
{
	struct address_space *mapping = anon_test_inode(obj)->i_mapping;
	u64 best = U64_MAX, begin;
	struct folio *folio;
	pgoff_t index;
	int i;

	for (i = 0; i < 3; i++) {
		begin = ktime_get_ns();
		for (index = 0; index < anon_object_size(obj) >> PAGE_SHIFT;
		     index++) {
			folio = filemap_get_folio(mapping, index);
			KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
			folio_put(folio);
		}
		best = min(best, ktime_get_ns() - begin);
	}
	return best;
}

/* What a pin costs is what it pins, and not what there is of the object. */
static void anon_object_test_part_cost(struct kunit *test)
{
	struct anon_object *full, *sparse;
	u64 limit;

	full = anon_test_object(test, anon_test_is_hugetlb(test) ? SZ_16M :
								   SZ_64M);
	anon_test_fill(test, full);
	limit = anon_test_walk_time(test, full) / 8;
	KUNIT_EXPECT_LT(test, anon_test_pin_time(test, full), limit);

	sparse = anon_test_create(test, &(struct anon_object_attrs) {
		.name = "kunit",
		.size = 64ULL << 30,
		.flags = ANON_OBJECT_NORESERVE,
	});
	KUNIT_EXPECT_LT(test, anon_test_pin_time(test, sparse), limit);
}

/* A pin that fails has never kept reclaim away. */
static void anon_object_test_part_fails(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct inode *inode = anon_test_inode(obj);
	struct page **pages = anon_test_pages(test, obj);
	size_t size = anon_object_size(obj);
	struct folio *folio;

	anon_test_fill(test, obj);
	folio = filemap_get_folio(inode->i_mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	/* As many references as there can be */
	folio_ref_add(folio, INT_MIN);
	KUNIT_EXPECT_EQ(test, anon_object_pin_pages(obj, 0, size, pages),
			-ENOMEM);
	folio_ref_sub(folio, INT_MIN);
	KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(folio));
	folio_put(folio);

	KUNIT_EXPECT_FALSE(test, mapping_unevictable(inode->i_mapping));
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	anon_object_unpin_pages(obj, pages, size >> PAGE_SHIFT, 0);
}

/* --- zones ---------------------------------------------------------------- */

static bool anon_test_any_high(struct page **pages, size_t nr)
{
	while (nr--)
		if (anon_test_is_high(pages[nr]))
			return true;
	return false;
}

/* Memory that has come above the limit after all is moved, or not pinned. */
static void anon_object_test_zone(struct kunit *test)
{
	struct anon_object *obj;
	struct page **pages;
	size_t size, nr;
	gfp_t gfp;

	anon_test_need_low(test);
	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "hugetlb's pool knows no zones");
	obj = anon_test_object(test, 2 * ANON_TEST_LARGE);
	size = anon_object_size(obj);
	nr = size >> PAGE_SHIFT;
	pages = anon_test_pages(test, obj);
	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	anon_object_unpin_pages(obj, pages, nr, 0);
	if (!anon_test_any_high(pages, nr))
		kunit_skip(test, "no memory above 4 GiB");

	/* As if it had been moved there */
	gfp = mapping_gfp_mask(anon_test_inode(obj)->i_mapping);
	mapping_set_gfp_mask(anon_test_inode(obj)->i_mapping, ANON_TEST_LOW);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	KUNIT_EXPECT_FALSE(test, anon_test_any_high(pages, nr));
	anon_object_unpin_pages(obj, pages, nr, 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, size));
	mapping_set_gfp_mask(anon_test_inode(obj)->i_mapping, gfp);
}

/* There is no pinning more than the object's zones have. */
static void anon_object_test_zone_too_large(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = (loff_t)(anon_test_low_pages() + 1) << PAGE_SHIFT,
		.gfp = ANON_TEST_LOW,
		.flags = ANON_OBJECT_NORESERVE,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct sg_table sgt;

	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(obj, 0, attrs.size, UINT_MAX,
						  &sgt), -ENOMEM);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

struct anon_test_gfp {
	const char *desc;
	enum anon_object_backend backend;
	gfp_t gfp;
	int err;
};

static const struct anon_test_gfp anon_test_gfps[] = {
	{ "shmem-default", ANON_OBJECT_SHMEM, 0, 0 },
	{ "shmem-dma32", ANON_OBJECT_SHMEM, GFP_KERNEL | __GFP_DMA32, 0 },
	{ "shmem-i915", ANON_OBJECT_SHMEM,
	  GFP_HIGHUSER | __GFP_RECLAIMABLE | __GFP_RETRY_MAYFAIL, 0 },
	{ "shmem-movable", ANON_OBJECT_SHMEM, GFP_HIGHUSER_MOVABLE, 0 },
	{ "shmem-account", ANON_OBJECT_SHMEM, GFP_KERNEL_ACCOUNT, -EINVAL },
	{ "shmem-nofail", ANON_OBJECT_SHMEM, GFP_KERNEL | __GFP_NOFAIL,
	  -EINVAL },
	{ "shmem-thisnode", ANON_OBJECT_SHMEM, GFP_KERNEL | __GFP_THISNODE,
	  -EINVAL },
	{ "shmem-comp", ANON_OBJECT_SHMEM, GFP_KERNEL | __GFP_COMP, -EINVAL },
	{ "shmem-zero", ANON_OBJECT_SHMEM, GFP_KERNEL | __GFP_ZERO, -EINVAL },
	{ "shmem-two-zones", ANON_OBJECT_SHMEM, GFP_HIGHUSER | __GFP_DMA32,
	  -EINVAL },
	{ "shmem-two-mobilities", ANON_OBJECT_SHMEM,
	  GFP_HIGHUSER_MOVABLE | __GFP_RECLAIMABLE, -EINVAL },
	{ "hugetlb-default", ANON_OBJECT_HUGETLB, 0, 0 },
	{ "hugetlb-any", ANON_OBJECT_HUGETLB, GFP_KERNEL, -EINVAL },
	{ "auto-dma32", ANON_OBJECT_AUTO, GFP_KERNEL | __GFP_DMA32, 0 },
	{ "pages-account", ANON_OBJECT_PAGES, GFP_KERNEL_ACCOUNT, 0 },
	{ "pages-movable", ANON_OBJECT_PAGES, GFP_HIGHUSER_MOVABLE, -EINVAL },
	{ "pages-comp", ANON_OBJECT_PAGES, GFP_KERNEL | __GFP_COMP, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(anon_test_gfp, anon_test_gfps, desc);

/* Flags that something would choke on later are refused at once. */
static void anon_object_test_create_gfp(struct kunit *test)
{
	const struct anon_test_gfp *param = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_2M,
		.backend = param->backend,
		.gfp = param->gfp,
	};
	struct anon_object *obj;

	if (param->backend == ANON_OBJECT_HUGETLB && !param->err)
		anon_test_pool(test, anon_test_huge_pages(test, SZ_2M));
	obj = anon_object_create(&attrs);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(obj), param->err);
	if (IS_ERR(obj))
		return;
	if (param->backend == ANON_OBJECT_AUTO)
		KUNIT_EXPECT_STREQ(test, obj->backend->name, "shmem");
	anon_object_put(obj);
	anon_test_drain();
}

/* There are huge pages that an int cannot count the bytes of. */
static void anon_object_test_range_align(struct kunit *test)
{
	struct anon_object obj = { .size = 64LL << 30 };
	const u64 align = 16ULL << 30;

	KUNIT_EXPECT_EQ(test, anon_object_check_range(&obj, 0, align, align),
			0);
	KUNIT_EXPECT_EQ(test, anon_object_check_range(&obj, 3 * align, align,
						      align), 0);
	KUNIT_EXPECT_EQ(test, anon_object_check_range(&obj, 4 * align, align,
						      align), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_check_range(&obj, SZ_1G, align,
						      align), -EINVAL);
	obj.size++;
	KUNIT_EXPECT_EQ(test, anon_object_check_range(&obj, 4 * align, align,
						      align), 0);
}

/* Who gives memory back or gets it back refuses what is no range of the object. */
static void anon_object_test_range_rejects(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	const loff_t size = anon_object_size(obj);
	const struct {
		loff_t pos, len;
	} bad[] = {
		{ 1, size - 1 },
		{ 0, size - 1 },
		{ 0, 0 },
		{ 0, -size },
		{ -size, size },
		{ size, size },
		{ 0, 2 * size },
		{ round_down(LLONG_MAX, size), size },
	};
	bool swaps = IS_ENABLED(CONFIG_SHMEM) && !anon_test_is_hugetlb(test);
	int i;

	anon_test_fill(test, obj);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		const loff_t pos = bad[i].pos, len = bad[i].len;

		if (swaps) {
			KUNIT_EXPECT_EQ(test, anon_object_swap_out(obj, pos,
								   len),
					-EINVAL);
			KUNIT_EXPECT_EQ(test, anon_object_prefetch(obj, pos,
								   len),
					-EINVAL);
		}
		KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, pos, len),
				-EINVAL);
	}
	KUNIT_EXPECT_EQ(test, anon_test_swapped(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, size));
}

/* The last page of the largest object ends where no loff_t can say. */
static void anon_object_test_range_largest(struct kunit *test)
{
	struct anon_object *obj;
	loff_t last = round_down(MAX_LFS_FILESIZE - 1, PAGE_SIZE);
	loff_t rest = MAX_LFS_FILESIZE - last;
	u8 byte = 1;

	obj = anon_test_create(test, &(struct anon_object_attrs) {
		.name = "kunit",
		.size = MAX_LFS_FILESIZE,
		.flags = ANON_OBJECT_NORESERVE,
	});
	KUNIT_ASSERT_EQ(test, anon_object_write(obj, 0, &byte, 1), 0);
	KUNIT_ASSERT_EQ(test, anon_object_write(obj, last, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_object_prefetch(obj, 0, last), 0);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 0, last), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, last, rest), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* And nobody has the memory that it would be accounted for. */
static void anon_object_test_account_largest(struct kunit *test)
{
	struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = MAX_LFS_FILESIZE,
	};
	struct anon_object *obj;

	KUNIT_EXPECT_PTR_EQ(test, anon_object_create(&attrs), ERR_PTR(-ENOMEM));

	attrs.size = SZ_64K;
	attrs.flags = ANON_OBJECT_RESIZABLE;
	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, MAX_LFS_FILESIZE),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), SZ_64K);
}

#ifdef CONFIG_SHMEM
/* What is on its way to the next kernel stays as it is. */
static void anon_object_test_punch_frozen(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_256K,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct file *view = anon_test_rw_view(test, obj);
	struct inode *inode = anon_test_inode(obj);

	anon_test_fill(test, obj);
	inode_lock(inode);
	shmem_freeze(inode, true);
	inode_unlock(inode);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 1, SZ_128K), -EPERM);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(view, FALLOC_FL_PUNCH_HOLE |
					    FALLOC_FL_KEEP_SIZE, 0, SZ_128K),
			-EPERM);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(view, 0, 0, SZ_128K), -EPERM);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_256K));

	inode_lock(inode);
	shmem_freeze(inode, false);
	inode_unlock(inode);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, SZ_128K), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, SZ_128K));
}
#else
static void anon_object_test_punch_frozen(struct kunit *test)
{
	kunit_skip(test, "nothing goes to the next kernel");
}
#endif

/* --- memory errors -------------------------------------------------------- */

static int anon_test_pin_one(struct anon_object *obj, loff_t pos)
{
	struct page *page;
	int err;

	err = anon_object_pin_pages(obj, pos, PAGE_SIZE, &page);
	if (!err)
		anon_object_unpin_pages(obj, &page, 1, 0);
	return err;
}

/* One page is lost, and no more: to reads, to writes and to pins. */
static void anon_object_test_broken(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_2M);
	u8 *buf = anon_test_buffer(test, 2 * PAGE_SIZE);
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(buf);
	struct page **pages = anon_test_pages(test, obj);
	size_t size = anon_object_size(obj);
	const loff_t bad = 5 * PAGE_SIZE;
	struct file *view = anon_test_rw_view(test, obj);
	loff_t pos;

	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	anon_object_unpin_pages(obj, pages, size >> PAGE_SHIFT, 0);
	anon_test_break(test, pages[bad >> PAGE_SHIFT]);

	KUNIT_EXPECT_EQ(test, anon_object_read(obj, bad, buf, PAGE_SIZE), -EIO);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, bad, buf, PAGE_SIZE),
			-EIO);
	KUNIT_EXPECT_EQ(test, anon_object_read_map(obj, bad, &map, 0,
						   PAGE_SIZE), -EIO);
	KUNIT_EXPECT_EQ(test, anon_object_write_map(obj, bad, &map, 0,
						    PAGE_SIZE), -EIO);
	KUNIT_EXPECT_EQ(test, anon_test_pin_one(obj, bad), -EIO);
	KUNIT_EXPECT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), -EIO);
	pos = bad;
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 1, &pos), -EIO);
	pos = bad;
	KUNIT_EXPECT_EQ(test, kernel_read(view, buf, 1, &pos), -EIO);

	/* What is before it is read and written, and not more */
	pos = bad - PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, kernel_read(view, buf, 2 * PAGE_SIZE, &pos),
			PAGE_SIZE);
	pos = bad - PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 2 * PAGE_SIZE, &pos),
			PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, bad));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, bad + PAGE_SIZE,
						size - bad - PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, anon_test_pin_one(obj, bad - PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, anon_test_pin_one(obj, bad + PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);

	/* Nor is it cleared for a punch that it is only a part of */
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, bad + 1, 10), -EIO);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, bad + PAGE_SIZE, 10), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, bad + PAGE_SIZE, 10));
}

/* Swap would make a good page of it. */
static void anon_object_test_broken_swaps(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_2M);
	struct page **pages = anon_test_pages(test, obj);
	size_t size = anon_object_size(obj);
	struct address_space *mapping = anon_object_mapping(obj);
	const loff_t bad = 5 * PAGE_SIZE;
	u8 byte;

	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "huge pages are not swapped");
	anon_test_need_swap(test);
	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	anon_object_unpin_pages(obj, pages, size >> PAGE_SHIFT, 0);
	anon_test_break(test, pages[bad >> PAGE_SHIFT]);

	anon_test_swap_out(obj, size);
	KUNIT_EXPECT_FALSE(test, xa_is_value(xa_load(&mapping->i_pages,
						     bad >> PAGE_SHIFT)));
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, bad, &byte, 1), -EIO);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, bad));
}

/* --- who dies ------------------------------------------------------------- */

static int anon_test_dying(void *data)
{
	struct anon_test_other *other = data;

	/* A kernel thread is not killed, but it can look like it */
	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	other->mode = fatal_signal_pending(current);
	other->err = anon_object_pin_pages(other->obj, 0, PAGE_SIZE,
					   &other->page);
	complete(&other->began);
	return 0;
}

/* The same of memory that has been allocated, and that nothing is in yet. */
static void anon_object_test_broken_fallocated(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_2M);
	u8 *buf = anon_test_buffer(test, PAGE_SIZE);
	const loff_t bad = 5 * PAGE_SIZE;
	struct folio *folio;

	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "huge pages are cleared when they are allocated");
	KUNIT_ASSERT_EQ(test, vfs_fallocate(anon_test_file(test, obj), 0, 0,
					    SZ_2M), 0);
	folio = filemap_get_folio(anon_object_mapping(obj), 5);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
	anon_test_break(test, folio_file_page(folio, 5));
	folio_put(folio);

	anon_test_pattern(buf, bad - PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, bad, buf, PAGE_SIZE),
			-EIO);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, bad - PAGE_SIZE, buf,
						PAGE_SIZE), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, bad - PAGE_SIZE,
						PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, bad + PAGE_SIZE,
					       PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, bad, buf, PAGE_SIZE), -EIO);
}

static int anon_test_pin_dying(struct kunit *test,
			       struct anon_test_other *other)
{
	struct task_struct *task;

	init_completion(&other->began);
	task = kthread_run(anon_test_dying, other, "anon_dying");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wait_for_completion(&other->began);
	KUNIT_ASSERT_TRUE(test, other->mode);
	return other->err;
}

/* A task that is to die does not go on allocating, but may have what is there. */
static void anon_object_test_pin_killed(struct kunit *test)
{
	struct anon_test_other other = {
		.obj = anon_test_object(test, SZ_64K),
	};

	KUNIT_EXPECT_EQ(test, anon_test_pin_dying(test, &other), -EINTR);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(other.obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(other.obj), 0);

	anon_test_fill(test, other.obj);
	KUNIT_ASSERT_EQ(test, anon_test_pin_dying(test, &other), 0);
	anon_object_unpin_pages(other.obj, &other.page, 1, 0);
}

/* --- writes --------------------------------------------------------------- */

/* A new folio that a write does not fill holds nothing but zeroes beside it. */
static void anon_object_test_write_fills(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_2M);
	size_t size = anon_object_size(obj);
	u8 *buf = anon_test_buffer(test, 3 * PAGE_SIZE);
	const loff_t pos = 10 * PAGE_SIZE + 100;

	anon_test_pattern(buf, pos, 3 * PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, anon_object_write(obj, pos, buf, 3 * PAGE_SIZE),
			0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, pos, 3 * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, pos));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, pos + 3 * PAGE_SIZE,
					       size - pos - 3 * PAGE_SIZE));
}

static void anon_test_write_work(struct work_struct *work)
{
	struct anon_test_other *other = container_of(work,
						     struct anon_test_other,
						     work);
	u8 byte = 0xa5;

	complete(&other->began);
	if (other->mode) {
		struct iosys_map map = IOSYS_MAP_INIT_VADDR(&byte);

		other->err = anon_object_write_map(other->obj, 0, &map, 0, 1);
	} else {
		other->err = anon_object_write(other->obj, 0, &byte, 1);
	}
}

/*
 * Who migrates a folio has it locked, and copies it: what is written meanwhile
 * must not go into what it is copied from.
 */
static void anon_object_test_write_waits(struct kunit *test)
{
	struct anon_test_other other = {
		.obj = anon_test_object(test, SZ_64K),
	};
	struct page *page;
	u8 byte;

	for (other.mode = 0; other.mode < 2; other.mode++) {
		KUNIT_ASSERT_EQ(test, anon_object_write(other.obj, 0, "", 1), 0);
		KUNIT_ASSERT_EQ(test, anon_object_pin_pages(other.obj, 0,
							    PAGE_SIZE, &page),
				0);
		lock_page(page);
		anon_test_start(&other, anon_test_write_work);
		KUNIT_EXPECT_TRUE(test, anon_test_waited_for(page_folio(page)));
		memcpy_from_page(&byte, page, 0, 1);
		KUNIT_EXPECT_EQ(test, byte, 0);
		unlock_page(page);
		anon_test_finish(&other);

		KUNIT_EXPECT_EQ(test, other.err, 0);
		KUNIT_EXPECT_EQ(test, anon_object_read(other.obj, 0, &byte, 1),
				0);
		KUNIT_EXPECT_EQ(test, byte, 0xa5);
		anon_object_unpin_pages(other.obj, &page, 1, 0);
	}
}

/* --- mappings ------------------------------------------------------------- */

/* What can be mapped by large entries is where that can be done. */
static void anon_object_test_vmap_aligned(struct kunit *test)
{
	/* One will do, of which there are not so many */
	struct anon_object *obj = anon_test_object(test, PMD_SIZE <= SZ_32M ?
							 2 * PMD_SIZE :
							 PMD_SIZE);
	size_t size = anon_object_size(obj);
	struct anon_object_map map, other;
	u8 *want = anon_test_buffer(test, PAGE_SIZE);
	loff_t pos;

	anon_test_fill(test, obj);
	/* So that luck does not make it so */
	KUNIT_ASSERT_EQ(test, anon_object_vmap(obj, 0, 3 * PAGE_SIZE,
					       PAGE_KERNEL, &other), 0);
	KUNIT_ASSERT_EQ(test, anon_object_vmap(obj, 0, size, PAGE_KERNEL, &map),
			0);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)map.vaddr, PMD_SIZE));
	for (pos = 0; pos < size; pos += PAGE_SIZE) {
		anon_test_pattern(want, pos, PAGE_SIZE);
		if (memcmp(map.vaddr + pos, want, PAGE_SIZE))
			break;
	}
	KUNIT_EXPECT_EQ(test, pos, size);
	anon_object_vunmap(obj, &map, 0);
	anon_object_vunmap(obj, &other, 0);
}

static struct kunit_case anon_object_state_cases[] = {
	KUNIT_CASE_PARAM(anon_object_test_purge_fallocates,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_purge_accounts,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_purge_memfd,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_punch_pins,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_punch_frozen),
	KUNIT_CASE_PARAM(anon_object_test_pin_waits_for_punch,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_tail_pinned),
	KUNIT_CASE(anon_object_test_truncate_across),
	KUNIT_CASE(anon_object_test_truncate_pins),
	KUNIT_CASE(anon_object_test_resize_pinned),
	KUNIT_CASE(anon_object_test_resize_beneath_pin),
	KUNIT_CASE_PARAM(anon_object_test_part_evictable,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_part_cost,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_part_fails,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_zone, anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_zone_too_large),
	KUNIT_CASE_PARAM(anon_object_test_create_gfp, anon_test_gfp_gen_params),
	KUNIT_CASE(anon_object_test_range_align),
	KUNIT_CASE_PARAM(anon_object_test_range_rejects,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_range_largest),
	KUNIT_CASE(anon_object_test_account_largest),
	KUNIT_CASE_PARAM(anon_object_test_broken, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_broken_swaps,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_broken_fallocated,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_killed,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_write_fills,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_write_waits,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_vmap_aligned,
			 anon_test_backend_gen_params),
	{}
};

static struct kunit_suite anon_object_state_suite = {
	.name = "anon_object_state",
	.init = anon_test_init,
	.test_cases = anon_object_state_cases,
};

kunit_test_suite(anon_object_state_suite);
