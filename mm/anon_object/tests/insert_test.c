// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: folios that somebody gives to them.
 *
 * A folio is the object's as it is, or its giver's as it was.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/swap.h>
#include <uapi/linux/fcntl.h>

#include "../internal.h"
#include "test.h"

#define INSERT_GFP	(GFP_KERNEL | __GFP_NOWARN)

static void anon_test_free_folio(void *folio)
{
	folio_put(folio);
}

/* A folio with what anon_test_holds() looks for at @pos, until the end of the test */
static struct folio *anon_test_folio(struct kunit *test, loff_t pos, gfp_t gfp,
				     unsigned int order)
{
	struct folio *folio = folio_alloc(gfp | __GFP_NOWARN, order);
	u8 *buf = anon_test_buffer(test, PAGE_SIZE);
	long i;
	int err;

	if (!folio)
		kunit_skip(test, "no folio of order %u", order);
	err = kunit_add_action_or_reset(test, anon_test_free_folio, folio);
	KUNIT_ASSERT_EQ(test, err, 0);
	for (i = 0; i < folio_nr_pages(folio); i++) {
		anon_test_pattern(buf, pos + i * PAGE_SIZE, PAGE_SIZE);
		memcpy_to_page(folio_page(folio, i), 0, buf, PAGE_SIZE);
	}
	kunit_kfree(test, buf);
	return folio;
}

static int anon_test_insert(struct kunit *test, struct anon_object *obj,
			    loff_t pos, struct folio *folio)
{
	int err = anon_object_insert(obj, pos, folio, INSERT_GFP);

	/* It has gone */
	if (!err)
		kunit_remove_action(test, anon_test_free_folio, folio);
	return err;
}

static struct anon_object *anon_test_shmem(struct kunit *test, loff_t size,
					   enum anon_object_huge huge)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit-insert",
		.size = size,
		.huge = huge,
	};

	return anon_test_create(test, &attrs);
}

static void anon_test_insert_order(struct kunit *test, unsigned int order)
{
	struct folio *folio, *found;
	struct anon_object *obj;
	loff_t pos, size;

	size = PAGE_SIZE << order;
	pos = size;
	obj = anon_test_shmem(test, 3 * size, ANON_OBJECT_HUGE_NEVER);
	folio = anon_test_folio(test, pos, GFP_HIGHUSER, order);
	KUNIT_ASSERT_EQ(test, anon_test_insert(test, obj, pos, folio), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), size);

	/* No copy */
	found = anon_object_find_folio(obj, pos + size - 1);
	KUNIT_ASSERT_PTR_EQ(test, found, folio);
	KUNIT_EXPECT_EQ(test, folio->index, pos >> PAGE_SHIFT);
	KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_swapbacked(folio));
	folio_unlock(folio);
	folio_put(folio);

	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, pos));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, pos, size));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, pos + size, size));
	if (anon_test_has_swap()) {
		KUNIT_EXPECT_EQ(test, anon_test_swap_out(obj, size), size);
		KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, pos, size));
	}
	anon_test_put(test, obj);
}

/* Of each order, it is there without a copy, and goes to swap and comes back. */
static void anon_object_test_insert(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	unsigned int order;

	KUNIT_EXPECT_EQ(test, anon_object_max_order(obj),
			IS_ENABLED(CONFIG_THP_SWAP) ? MAX_PAGECACHE_ORDER : 0);
	for (order = 0; order <= anon_object_max_order(obj); order++) {
		/* No guest is sure to have what is larger */
		if (PAGE_SIZE << order > SZ_4M)
			break;
		anon_test_insert_order(test, order);
	}
}

/* What there is of a folio that a failure might change */
struct anon_test_folio_state {
	unsigned long flags;
	struct address_space *mapping;
	pgoff_t index;
	void *private;
	int refs;
	bool charged;
};

static struct anon_test_folio_state anon_test_folio_state(struct folio *folio)
{
	return (struct anon_test_folio_state) {
		.flags = folio->flags.f,
		.mapping = folio->mapping,
		.index = folio->index,
		.private = folio_get_private(folio),
		.refs = folio_ref_count(folio),
		.charged = folio_memcg_charged(folio),
	};
}

static void anon_test_expect_state(struct kunit *test, struct folio *folio,
				   const struct anon_test_folio_state *was)
{
	struct anon_test_folio_state is = anon_test_folio_state(folio);

	KUNIT_EXPECT_EQ(test, is.flags, was->flags);
	KUNIT_EXPECT_PTR_EQ(test, is.mapping, was->mapping);
	KUNIT_EXPECT_EQ(test, is.index, was->index);
	KUNIT_EXPECT_PTR_EQ(test, is.private, was->private);
	KUNIT_EXPECT_EQ(test, is.refs, was->refs);
	KUNIT_EXPECT_EQ(test, is.charged, was->charged);
}

/* It is refused, and neither is any different for it */
static void anon_test_refuse(struct kunit *test, struct anon_object *obj,
			     loff_t pos, struct folio *folio, int err)
{
	struct anon_test_folio_state was = anon_test_folio_state(folio);
	u64 resident = anon_test_resident(obj);

	KUNIT_EXPECT_EQ(test, anon_test_insert(test, obj, pos, folio), err);
	anon_test_expect_state(test, folio, &was);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), resident);
}

/* There is no such place in the object. */
static void anon_object_test_insert_range(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	struct folio *folio = anon_test_folio(test, 0, GFP_HIGHUSER, 0);

	anon_test_refuse(test, obj, -PAGE_SIZE, folio, -EINVAL);
	anon_test_refuse(test, obj, 1, folio, -EINVAL);
	anon_test_refuse(test, obj, SZ_64K, folio, -EINVAL);
	anon_test_refuse(test, obj, LLONG_MAX & PAGE_MASK, folio, -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
	anon_test_refuse(test, obj, 0, folio, -EINVAL);
}

/* Nor is a large one inserted where it is not aligned, or beyond the end. */
static void anon_object_test_insert_large(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, 6 * PAGE_SIZE, 0);
	struct folio *folio;

	if (anon_object_max_order(obj) < 2)
		kunit_skip(test, "no large folios in swap");
	folio = anon_test_folio(test, 0, GFP_HIGHUSER, 2);
	anon_test_refuse(test, obj, 2 * PAGE_SIZE, folio, -EINVAL);
	anon_test_refuse(test, obj, 4 * PAGE_SIZE, folio, -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_insert(test, obj, 0, folio), 0);
}

/* What is there already stays, in memory and in swap. */
static void anon_object_test_insert_exists(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	struct folio *folio;

	anon_test_fill(test, obj);
	folio = anon_test_folio(test, SZ_1M, GFP_HIGHUSER, 0);
	anon_test_refuse(test, obj, SZ_32K, folio, -EEXIST);
	if (anon_test_has_swap()) {
		KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, SZ_64K), SZ_64K);
		anon_test_refuse(test, obj, 0, folio, -EEXIST);
	}
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));

	/* One page of it is enough */
	if (anon_object_max_order(obj) < 2)
		return;
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 0, 3 * PAGE_SIZE),
			0);
	folio = anon_test_folio(test, 0, GFP_HIGHUSER, 2);
	anon_test_refuse(test, obj, 0, folio, -EEXIST);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 3 * PAGE_SIZE,
						PAGE_SIZE));
}

/* Somebody else has to do with it. */
static void anon_object_test_insert_busy(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	struct folio *folio = anon_test_folio(test, 0, GFP_HIGHUSER, 0);

	folio_get(folio);
	anon_test_refuse(test, obj, 0, folio, -EBUSY);
	folio_put(folio);

	folio->private = test;
	anon_test_refuse(test, obj, 0, folio, -EBUSY);
	folio->private = NULL;

	folio_lock(folio);
	anon_test_refuse(test, obj, 0, folio, -EBUSY);
	folio_unlock(folio);

	atomic_inc(&folio->_mapcount);
	anon_test_refuse(test, obj, 0, folio, -EBUSY);
	atomic_dec(&folio->_mapcount);

	KUNIT_EXPECT_EQ(test, anon_test_insert(test, obj, 0, folio), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, PAGE_SIZE));
}

/* The memory of others: of the object itself, and what is charged to somebody. */
static void anon_object_test_insert_theirs(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	struct folio *folio;
	struct folio __maybe_unused *other;

	folio = anon_object_get_folio(obj, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	folio_unlock(folio);
	anon_test_refuse(test, obj, SZ_32K, folio, -EBUSY);
	folio_put(folio);

#ifdef CONFIG_MEMCG
	/* Tests are in the root's group, which nothing is charged to */
	other = anon_test_folio(test, SZ_32K, GFP_HIGHUSER, 0);
	other->memcg_data = MEMCG_DATA_KMEM;
	anon_test_refuse(test, obj, SZ_32K, other, -EBUSY);
	other->memcg_data = 0;
#endif
}

/* A broken page would be read by who does not know of it. */
static void anon_object_test_insert_broken(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	unsigned int order = min(anon_object_max_order(obj), 2U);
	struct folio *folio;

	folio = anon_test_folio(test, 0, GFP_HIGHUSER, order);
	anon_test_break(test, folio_page(folio, (1 << order) - 1));
	anon_test_refuse(test, obj, 0, folio, -EIO);
}

/* What swap would not take in one piece is to be made smaller first. */
static void anon_object_test_insert_too_large(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, 2 * ANON_TEST_LARGE, 0);
	unsigned int order = anon_object_max_order(obj) + 1;
	struct folio *folio;
	int i, err;

	if (!anon_test_thp() || PAGE_SIZE << order > 2 * ANON_TEST_LARGE)
		kunit_skip(test, "no folios as large as that");
	folio = anon_test_folio(test, 0, GFP_HIGHUSER, order);
	anon_test_refuse(test, obj, 0, folio, -E2BIG);

	kunit_remove_action(test, anon_test_free_folio, folio);
	KUNIT_ASSERT_EQ(test, folio_split_owned(folio, order - 1), 0);
	for (i = 0; i < 2; i++) {
		struct folio *half = page_folio(folio_page(folio,
							   i << (order - 1)));

		KUNIT_EXPECT_EQ(test, folio_order(half), order - 1);
		KUNIT_EXPECT_EQ(test, folio_ref_count(half), 1);
		err = anon_object_insert(obj, i * folio_size(half), half,
					 INSERT_GFP);
		KUNIT_EXPECT_EQ(test, err, 0);
	}
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0,
						PAGE_SIZE << order));
}

/* Where large folios have been denied, they do not come in this way either. */
static void anon_object_test_insert_denied(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	struct folio *folio;

	if (!anon_object_max_order(obj))
		kunit_skip(test, "no large folios in swap");
	folio = anon_test_folio(test, 0, GFP_HIGHUSER, 2);
	anon_test_sysfs(test, "kernel/mm/transparent_hugepage/shmem_enabled",
			"deny");
	KUNIT_EXPECT_EQ(test, anon_object_max_order(obj), 0);
	anon_test_refuse(test, obj, 0, folio, -E2BIG);
}

/* A compound page that is no folio is not made one behind anybody's back. */
static void anon_object_test_insert_compound(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);

	KUNIT_ASSERT_NOT_NULL(test, page);
	anon_test_refuse(test, obj, 0, page_folio(page), -EINVAL);
	__free_pages(page, 2);
}

/* A zone that the object's flags do not allow is none for what is given either. */
static void anon_object_test_insert_zone(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit-insert",
		.size = SZ_64K,
		.gfp = ANON_TEST_LOW,
	};
	struct anon_object *obj;
	struct folio *folio;

	anon_test_need_high(test);
	obj = anon_test_create(test, &attrs);
	folio = anon_test_folio(test, 0, GFP_HIGHUSER, 0);
	if (!anon_test_is_high(&folio->page))
		kunit_skip(test, "no high memory left");
	anon_test_refuse(test, obj, 0, folio, -EXDEV);
	folio = anon_test_folio(test, 0, ANON_TEST_LOW, 0);
	KUNIT_EXPECT_EQ(test, anon_test_insert(test, obj, 0, folio), 0);
}

/* A seal against writing is one against this. */
static void anon_object_test_insert_sealed(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	struct folio *folio = anon_test_folio(test, 0, GFP_HIGHUSER, 0);

	anon_test_seal(test, obj, F_SEAL_WRITE);
	anon_test_refuse(test, obj, 0, folio, -EPERM);
}

/* Only shmem takes it. */
static void anon_object_test_insert_backends(struct kunit *test)
{
	struct folio *folio = anon_test_folio(test, 0, GFP_HIGHUSER, 0);
	const struct anon_object_attrs pages = {
		.name = "kunit-insert",
		.size = SZ_64K,
		.backend = ANON_OBJECT_PAGES,
	};
	struct anon_object *obj = anon_test_create(test, &pages);

	KUNIT_EXPECT_EQ(test, anon_object_max_order(obj), 0);
	anon_test_refuse(test, obj, 0, folio, -EOPNOTSUPP);
#ifdef CONFIG_HUGETLBFS
	const struct anon_object_attrs huge = {
		.name = "kunit-insert",
		.size = huge_page_size(anon_test_hstate(test)),
		.backend = ANON_OBJECT_HUGETLB,
	};

	anon_test_pool(test, 1);
	obj = anon_test_create(test, &huge);
	KUNIT_EXPECT_EQ(test, anon_object_max_order(obj), 0);
	anon_test_refuse(test, obj, 0, folio, -EOPNOTSUPP);
#endif
}

#ifdef CONFIG_FAULT_INJECTION
/* Returns whether there was a @nth allocation, which has failed */
static bool anon_test_insert_nth(struct kunit *test, unsigned int order,
				 unsigned int nth)
{
	const loff_t pos = SZ_32M;	/* the tree has to grow for it */
	struct anon_object *obj = anon_test_shmem(test, 2 * pos, 0);
	struct folio *folio = anon_test_folio(test, pos, GFP_HIGHUSER, order);
	struct anon_test_folio_state was = anon_test_folio_state(folio);
	bool failed;
	int err;

	current->fail_nth = nth;
	err = anon_test_insert(test, obj, pos, folio);
	failed = !current->fail_nth;
	current->fail_nth = 0;

	/* For a node of the tree it is tried twice */
	if (err) {
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_TRUE(test, failed);
		anon_test_expect_state(test, folio, &was);
		KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
		KUNIT_EXPECT_EQ(test, anon_test_insert(test, obj, pos, folio), 0);
	}
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, pos,
						PAGE_SIZE << order));
	anon_test_put(test, obj);
	return failed;
}

/* Without memory for the tree, it is as it was, if it is not taken all the same. */
static void anon_object_test_insert_nomem(struct kunit *test)
{
	struct anon_object *obj = anon_test_shmem(test, SZ_64K, 0);
	unsigned int order, nth, nr = 0;

	for (order = 0; order <= min(anon_object_max_order(obj), 2U); order += 2) {
		for (nth = 1; anon_test_insert_nth(test, order, nth); nth++)
			KUNIT_ASSERT_LT(test, nth, 100);
		nr += nth - 1;
	}
	if (!nr)
		kunit_skip(test, "failslab ignores gfp-wait");
}
#else
static void anon_object_test_insert_nomem(struct kunit *test)
{
	kunit_skip(test, "CONFIG_FAULT_INJECTION is not set");
}
#endif

static struct kunit_case anon_object_insert_test_cases[] = {
	KUNIT_CASE_SLOW(anon_object_test_insert),
	KUNIT_CASE(anon_object_test_insert_range),
	KUNIT_CASE(anon_object_test_insert_large),
	KUNIT_CASE(anon_object_test_insert_exists),
	KUNIT_CASE(anon_object_test_insert_busy),
	KUNIT_CASE(anon_object_test_insert_theirs),
	KUNIT_CASE(anon_object_test_insert_broken),
	KUNIT_CASE(anon_object_test_insert_too_large),
	KUNIT_CASE(anon_object_test_insert_denied),
	KUNIT_CASE(anon_object_test_insert_compound),
	KUNIT_CASE(anon_object_test_insert_zone),
	KUNIT_CASE(anon_object_test_insert_sealed),
	KUNIT_CASE(anon_object_test_insert_backends),
	KUNIT_CASE(anon_object_test_insert_nomem),
	{}
};

static struct kunit_suite anon_object_insert_test_suite = {
	.name = "anon_object_insert",
	.init = anon_test_init,
	.test_cases = anon_object_insert_test_cases,
};

kunit_test_suite(anon_object_insert_test_suite);
