// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: what is hugetlb's alone, which is its pool
 * of reserved pages. They are skipped where there are no huge pages.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <uapi/linux/fcntl.h>

#include "test.h"

#ifdef CONFIG_HUGETLBFS
struct anon_test_pool {
	struct hstate *h;
	unsigned long size;	/* of a page */
	unsigned long avail;	/* pages, with none of the test's own */
	unsigned long free;
	unsigned long resv;
};

static struct anon_test_pool anon_test_pool_init(struct kunit *test,
						 unsigned long nr_pages)
{
	struct anon_test_pool pool;

	pool.avail = anon_test_pool(test, nr_pages);
	pool.h = anon_test_hstate(test);
	pool.size = huge_page_size(pool.h);
	pool.free = pool.h->free_huge_pages;
	pool.resv = pool.h->resv_huge_pages;
	return pool;
}

/* So many pages have been taken, and so many are promised to the test */
static void anon_test_expect_pool(struct kunit *test,
				  struct anon_test_pool *pool,
				  unsigned long used, unsigned long resv)
{
	KUNIT_EXPECT_EQ(test, pool->h->free_huge_pages, pool->free - used);
	KUNIT_EXPECT_EQ(test, pool->h->resv_huge_pages, pool->resv + resv);
}

static struct anon_object_attrs anon_test_huge_attrs(loff_t size,
						     unsigned int flags)
{
	return (struct anon_object_attrs) {
		.name = "kunit",
		.size = size,
		.backend = ANON_OBJECT_HUGETLB,
		.flags = flags,
	};
}

static struct anon_object *anon_test_huge_object(struct kunit *test,
						 loff_t size,
						 unsigned int flags)
{
	struct anon_object_attrs attrs = anon_test_huge_attrs(size, flags);

	return anon_test_create(test, &attrs);
}

/* Pages are reserved at creation, used when pinned, given back with it all. */
static void anon_object_test_reserve(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 2);
	struct anon_object *obj = anon_test_huge_object(test, 2 * pool.size, 0);
	struct page *page;

	anon_test_expect_pool(test, &pool, 0, 2);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &page),
			0);
	anon_test_expect_pool(test, &pool, 1, 1);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), pool.size);
	anon_object_unpin_pages(obj, &page, 1, 0);
	anon_test_expect_pool(test, &pool, 1, 1);
	anon_test_put(test, obj);
	anon_test_expect_pool(test, &pool, 0, 0);
}

/* A page size that is asked for is the one that is had. */
static void anon_object_test_page_shift(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	struct anon_object_attrs attrs = anon_test_huge_attrs(1, 0);
	struct anon_object_stat stat;
	struct anon_object *obj;

	attrs.page_shift = huge_page_shift(pool.h);
	obj = anon_test_create(test, &attrs);
	anon_object_get_stat(obj, &stat);
	KUNIT_EXPECT_EQ(test, stat.page_size, pool.size);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), pool.size);
	anon_test_expect_pool(test, &pool, 0, 1);
}

/* Without a reservation the pool is as it was. */
static void anon_object_test_noreserve(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	struct anon_object *obj;

	obj = anon_test_huge_object(test, pool.size, ANON_OBJECT_NORESERVE);
	anon_test_expect_pool(test, &pool, 0, 0);
	anon_test_fill(test, obj);
	anon_test_expect_pool(test, &pool, 1, 0);
	anon_test_put(test, obj);
	anon_test_expect_pool(test, &pool, 0, 0);
}

/* More than the pool has is -ENOMEM, and nothing stays reserved. */
static void anon_object_test_pool_empty(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	struct anon_object_attrs attrs =
		anon_test_huge_attrs((pool.avail + 1) * pool.size, 0);
	struct anon_object *obj = anon_object_create(&attrs);

	KUNIT_EXPECT_PTR_EQ(test, obj, ERR_PTR(-ENOMEM));
	if (!IS_ERR(obj))
		anon_object_put(obj);
	anon_test_drain();
	anon_test_expect_pool(test, &pool, 0, 0);
}

/* All of the pool can be had, and after that none. */
static void anon_object_test_pool_all(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	struct anon_object_attrs attrs = anon_test_huge_attrs(1, 0);
	struct anon_object *obj;

	obj = anon_test_huge_object(test, pool.avail * pool.size, 0);
	anon_test_expect_pool(test, &pool, 0, pool.avail);
	KUNIT_EXPECT_PTR_EQ(test, anon_object_create(&attrs), ERR_PTR(-ENOMEM));
	anon_test_put(test, obj);
	anon_test_expect_pool(test, &pool, 0, 0);
}

static const struct anon_object_ops anon_test_calls_ops;

static void anon_test_count_call(struct anon_object *obj,
				 unsigned long nr_pages)
{
	unsigned int *calls = anon_object_private(obj, &anon_test_calls_ops);

	(*calls)++;
}

static const struct anon_object_ops anon_test_calls_ops = {
	.shrink = anon_test_count_call,
};

/* A pin that the pool cannot serve fails as a whole. */
static void anon_object_test_pin_fails(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	loff_t size = (pool.avail + 1) * pool.size;
	struct anon_object_attrs attrs =
		anon_test_huge_attrs(size, ANON_OBJECT_NORESERVE);
	unsigned int calls = 0;
	struct anon_object_map map;
	struct anon_object *obj;
	struct page **pages;
	struct sg_table sgt;

	attrs.ops = &anon_test_calls_ops;
	attrs.private = &calls;
	obj = anon_test_create(test, &attrs);
	pages = kvmalloc_array(size >> PAGE_SHIFT, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	KUNIT_EXPECT_EQ(test, anon_object_pin_pages(obj, 0, size, pages),
			-ENOMEM);
	kvfree(pages);
	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(obj, 0, size, PAGE_SIZE,
						  &sgt), -ENOMEM);
	KUNIT_EXPECT_EQ(test, anon_object_vmap(obj, 0, size, PAGE_KERNEL, &map),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	/* The owner has been asked in vain once a pin */
	KUNIT_EXPECT_EQ(test, calls, 3);

	/* What it had allocated is the object's, and held by nobody else */
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 0, size), 0);
	anon_test_expect_pool(test, &pool, 0, 0);
	anon_test_put(test, obj);
	anon_test_expect_pool(test, &pool, 0, 0);
}

struct anon_test_shrink {
	struct anon_object *other;
	unsigned long nr_pages;
	unsigned int calls;
	bool pinning;
	int err;
};

static const struct anon_object_ops anon_test_shrink_ops;

static void anon_test_shrink(struct anon_object *obj, unsigned long nr_pages)
{
	struct anon_test_shrink *shrink =
		anon_object_private(obj, &anon_test_shrink_ops);
	loff_t size = anon_object_size(shrink->other);

	shrink->calls++;
	shrink->pinning = current->flags & PF_MEMALLOC_PIN;
	shrink->nr_pages = nr_pages;
	shrink->err = anon_object_truncate_range(shrink->other, 0, size);
}

static const struct anon_object_ops anon_test_shrink_ops = {
	.shrink = anon_test_shrink,
};

/* The owner is asked for what a pin still lacks, and the pin then has it. */
static void anon_object_test_shrink_hook(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	struct anon_test_shrink shrink = {};
	struct anon_object_attrs attrs =
		anon_test_huge_attrs(pool.size, ANON_OBJECT_NORESERVE);
	struct anon_object *obj;
	struct sg_table sgt;

	attrs.ops = &anon_test_shrink_ops;
	attrs.private = &shrink;
	obj = anon_test_create(test, &attrs);
	shrink.other = anon_test_huge_object(test, pool.avail * pool.size, 0);
	anon_test_fill(test, shrink.other);
	anon_test_expect_pool(test, &pool, pool.avail, 0);

	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(obj, PAGE_SIZE,
						  2 * PAGE_SIZE, UINT_MAX,
						  &sgt), 0);
	KUNIT_EXPECT_EQ(test, shrink.calls, 1);
	KUNIT_EXPECT_EQ(test, shrink.nr_pages, 2);
	/* What it allocates itself is not for the pin */
	KUNIT_EXPECT_FALSE(test, shrink.pinning);
	KUNIT_EXPECT_EQ(test, shrink.err, 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(shrink.other), 0);
	anon_object_unpin_sgt(obj, &sgt, 0);
}

/* Growth is reserved as creation is, and shrinking gives it back. */
static void anon_object_test_resize_reserve(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 3);
	struct anon_object *obj;

	obj = anon_test_huge_object(test, pool.size, ANON_OBJECT_RESIZABLE);
	anon_test_expect_pool(test, &pool, 0, 1);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, 3 * pool.size), 0);
	anon_test_expect_pool(test, &pool, 0, 3);
	anon_test_fill(test, obj);
	anon_test_expect_pool(test, &pool, 3, 0);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, pool.size), 0);
	anon_test_expect_pool(test, &pool, 1, 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, pool.size));
	anon_test_put(test, obj);
	anon_test_expect_pool(test, &pool, 0, 0);
}

/* What has no reservation grows without one, beyond the pool too. */
static void anon_object_test_resize_noreserve(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	loff_t size = (pool.avail + 1) * pool.size;
	struct anon_object *obj;

	obj = anon_test_huge_object(test, pool.size, ANON_OBJECT_RESIZABLE |
						     ANON_OBJECT_NORESERVE);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, size), 0);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), size);
	anon_test_expect_pool(test, &pool, 0, 0);
}

/* Growth beyond the pool is -ENOMEM, and changes nothing. */
static void anon_object_test_resize_fails(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	struct anon_object *obj;

	obj = anon_test_huge_object(test, pool.size, ANON_OBJECT_RESIZABLE);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, (pool.avail + 1) *
						 pool.size), -ENOMEM);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, pool.size + PAGE_SIZE),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), pool.size);
	anon_test_expect_pool(test, &pool, 0, 1);
}

/* Growth that is sealed against gives back what it had reserved. */
static void anon_object_test_resize_sealed(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 2);
	struct anon_object *obj;

	obj = anon_test_huge_object(test, pool.size, ANON_OBJECT_RESIZABLE);
	HUGETLBFS_I(anon_test_inode(obj))->seals |= F_SEAL_GROW;
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, 2 * pool.size), -EPERM);
	anon_test_expect_pool(test, &pool, 0, 1);
}

/* A range that is dropped reads as zeroes, and its pages are free. */
static void anon_object_test_truncate_range(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 3);
	struct anon_object *obj = anon_test_huge_object(test, 3 * pool.size, 0);

	anon_test_fill(test, obj);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, pool.size,
							 pool.size), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 2 * pool.size);
	KUNIT_EXPECT_EQ(test, pool.h->free_huge_pages, pool.free - 2);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, pool.size));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, pool.size,
					       pool.size));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 2 * pool.size,
						pool.size));
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, PAGE_SIZE,
							 pool.size), -EINVAL);
	anon_test_put(test, obj);
	anon_test_expect_pool(test, &pool, 0, 0);
}

/* Without CAP_IPC_LOCK, and in no group that may */
static const struct cred *anon_test_drop_creds(struct kunit *test)
{
	struct cred *cred = prepare_creds();

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cap_lower(cred->cap_effective, CAP_IPC_LOCK);
	cred->egid = KGIDT_INIT(4711);
	cred->fsgid = KGIDT_INIT(4711);
	return override_creds(cred);
}

/* The permission rule holds where the flag asks for it, and only there. */
static void anon_object_test_permission(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	struct anon_object_attrs asked =
		anon_test_huge_attrs(1, ANON_OBJECT_HUGETLB_PERM);
	struct anon_object_attrs not_asked = anon_test_huge_attrs(1, 0);
	struct anon_object *refused, *allowed;
	const struct cred *old;

	old = anon_test_drop_creds(test);
	refused = anon_object_create(&asked);
	allowed = anon_object_create(&not_asked);
	put_cred(revert_creds(old));

	KUNIT_EXPECT_PTR_EQ(test, refused, ERR_PTR(-EPERM));
	KUNIT_EXPECT_FALSE(test, IS_ERR(allowed));
	if (!IS_ERR(refused))
		anon_object_put(refused);
	if (!IS_ERR(allowed))
		anon_object_put(allowed);
	anon_test_drain();
	anon_test_expect_pool(test, &pool, 0, 0);

	/* With the capability the flag does no harm */
	anon_test_create(test, &asked);
	anon_test_expect_pool(test, &pool, 0, 1);
}

/* A purge waits for whoever is at any page, of which there may be very many. */
static void anon_object_test_purge_large(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	struct anon_object *obj;
	u8 byte = 1;

	/* More than there are mutexes, 8 for each processor that there may be */
	obj = anon_test_huge_object(test, pool.size * 16 * num_possible_cpus(),
				    ANON_OBJECT_NORESERVE);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, 0, &byte, 1), 0);
	anon_test_expect_pool(test, &pool, 1, 0);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
	anon_test_expect_pool(test, &pool, 0, 0);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, 0, &byte, 1), -EINVAL);
}

/* What huge pages cannot do is -EOPNOTSUPP. */
static void anon_object_test_unsupported(struct kunit *test)
{
	struct anon_test_pool pool = anon_test_pool_init(test, 1);
	struct anon_object *obj = anon_test_huge_object(test, pool.size, 0);

	KUNIT_EXPECT_EQ(test, anon_object_swap_out(obj, 0, pool.size),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_prefetch(obj, 0, pool.size),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_lock(obj, current_ucounts()),
			-EOPNOTSUPP);
	anon_object_unlock(obj, current_ucounts());
	anon_object_move_evictable(obj);
	anon_test_expect_pool(test, &pool, 0, 1);
}

static struct kunit_case anon_object_hugetlb_cases[] = {
	KUNIT_CASE(anon_object_test_reserve),
	KUNIT_CASE(anon_object_test_page_shift),
	KUNIT_CASE(anon_object_test_noreserve),
	KUNIT_CASE(anon_object_test_pool_empty),
	KUNIT_CASE(anon_object_test_pool_all),
	KUNIT_CASE(anon_object_test_pin_fails),
	KUNIT_CASE(anon_object_test_shrink_hook),
	KUNIT_CASE(anon_object_test_resize_reserve),
	KUNIT_CASE(anon_object_test_resize_noreserve),
	KUNIT_CASE(anon_object_test_resize_fails),
	KUNIT_CASE(anon_object_test_resize_sealed),
	KUNIT_CASE(anon_object_test_truncate_range),
	KUNIT_CASE(anon_object_test_permission),
	KUNIT_CASE(anon_object_test_purge_large),
	KUNIT_CASE(anon_object_test_unsupported),
	{}
};
#else
/* Without hugetlbfs there is no page size that could be asked for. */
static void anon_object_test_no_hugetlbfs(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_2M,
		.backend = ANON_OBJECT_HUGETLB,
	};

	KUNIT_EXPECT_PTR_EQ(test, anon_object_create(&attrs), ERR_PTR(-EINVAL));
}

static struct kunit_case anon_object_hugetlb_cases[] = {
	KUNIT_CASE(anon_object_test_no_hugetlbfs),
	{}
};
#endif /* CONFIG_HUGETLBFS */

static struct kunit_suite anon_object_hugetlb_suite = {
	.name = "anon_object_hugetlb",
	.init = anon_test_init,
	.test_cases = anon_object_hugetlb_cases,
};

kunit_test_suite(anon_object_hugetlb_suite);
