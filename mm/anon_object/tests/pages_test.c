// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects on the pages backend.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "test.h"

/* One kind of object each: with memory for life, or only while it is pinned */
static const struct anon_test_kind {
	const char *desc;
	unsigned int flags;
} anon_test_kinds[] = {
	{ "for-life", 0 },
	{ "for-life-uncleared", ANON_OBJECT_UNCLEARED },
	{ "volatile", ANON_OBJECT_VOLATILE },
	{ "volatile-uncleared", ANON_OBJECT_VOLATILE | ANON_OBJECT_UNCLEARED },
};

KUNIT_ARRAY_PARAM_DESC(anon_test_kind, anon_test_kinds, desc);

static struct anon_object *anon_test_pages_object(struct kunit *test,
						  loff_t size)
{
	const struct anon_test_kind *kind = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = size,
		.backend = ANON_OBJECT_PAGES,
		.flags = kind->flags,
	};

	return anon_test_create(test, &attrs);
}

static bool anon_test_volatile(struct kunit *test)
{
	const struct anon_test_kind *kind = test->param_value;

	return kind->flags & ANON_OBJECT_VOLATILE;
}

static void anon_test_pin_sgt(struct kunit *test, struct anon_object *obj,
			      unsigned int max_segment, struct sg_table *sgt)
{
	KUNIT_ASSERT_EQ(test, 0,
			anon_object_pin_sgt(obj, 0, anon_object_size(obj),
					    max_segment, sgt));
}

static size_t anon_test_sgt_pages(struct sg_table *sgt)
{
	struct scatterlist *sg;
	size_t nr_pages = 0;
	unsigned int i;

	for_each_sgtable_sg(sgt, sg, i)
		nr_pages += sg->length >> PAGE_SHIFT;
	return nr_pages;
}

/* Memory is there from the beginning, or from the first pin to the last. */
static void anon_object_test_pages_resident(struct kunit *test)
{
	struct anon_object *obj = anon_test_pages_object(test, SZ_1M);
	u64 unpinned = anon_test_volatile(test) ? 0 : SZ_1M;
	struct anon_object_stat stat;
	struct sg_table first, second;

	KUNIT_EXPECT_EQ(test, anon_object_size(obj), SZ_1M);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), unpinned);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);

	anon_test_pin_sgt(test, obj, UINT_MAX, &first);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), SZ_1M);
	anon_test_pin_sgt(test, obj, UINT_MAX, &second);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 2 * SZ_1M);
	KUNIT_EXPECT_PTR_EQ(test, sg_page(first.sgl), sg_page(second.sgl));
	anon_object_unpin_sgt(obj, &first, ANON_OBJECT_DIRTY);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), SZ_1M);
	anon_object_unpin_sgt(obj, &second, ANON_OBJECT_ACCESSED);

	anon_object_get_stat(obj, &stat);
	KUNIT_EXPECT_EQ(test, stat.resident, unpinned);
	KUNIT_EXPECT_EQ(test, stat.pinned, 0);
	KUNIT_EXPECT_EQ(test, stat.swapped, 0);
	KUNIT_EXPECT_EQ(test, stat.page_size, PAGE_SIZE);
}

/* What is not said to be uncleared is zero; what stays keeps its contents. */
static void anon_object_test_pages_contents(struct kunit *test)
{
	const struct anon_test_kind *kind = test->param_value;
	struct anon_object *obj = anon_test_pages_object(test, SZ_64K);
	struct anon_object_map map;
	u8 *want = anon_test_buffer(test, SZ_64K);

	KUNIT_ASSERT_EQ(test, 0, anon_object_vmap(obj, 0, SZ_64K, PAGE_KERNEL,
						  &map));
	if (!(kind->flags & ANON_OBJECT_UNCLEARED))
		KUNIT_EXPECT_NULL(test, memchr_inv(map.vaddr, 0, SZ_64K));
	anon_test_pattern(want, 0, SZ_64K);
	memcpy(map.vaddr, want, SZ_64K);
	anon_object_vunmap(obj, &map, ANON_OBJECT_DIRTY);

	KUNIT_ASSERT_EQ(test, 0, anon_object_vmap(obj, 0, SZ_64K, PAGE_KERNEL,
						  &map));
	if (!anon_test_volatile(test))
		KUNIT_EXPECT_MEMEQ(test, map.vaddr, want, SZ_64K);
	else if (!(kind->flags & ANON_OBJECT_UNCLEARED))
		KUNIT_EXPECT_NULL(test, memchr_inv(map.vaddr, 0, SZ_64K));
	anon_object_vunmap(obj, &map, 0);
}

/* The largest blocks come first, down to what is left of the size. */
static void anon_object_test_pages_blocks(struct kunit *test)
{
	const loff_t size = (256 + 16 + 1) * PAGE_SIZE;
	struct anon_object *obj = anon_test_pages_object(test, size);
	struct sg_table sgt;

	anon_test_pin_sgt(test, obj, UINT_MAX, &sgt);
	KUNIT_EXPECT_EQ(test, anon_test_sgt_pages(&sgt), size >> PAGE_SHIFT);
	/* Memory is not that fragmented */
	KUNIT_EXPECT_LE(test, sgt.nents, 3);
	KUNIT_EXPECT_GE(test, sgt.sgl->length, 256 * PAGE_SIZE);
	anon_object_unpin_sgt(obj, &sgt, 0);
}

/* A device that takes small segments only gets them, from small blocks. */
static void anon_object_test_pages_max_segment(struct kunit *test)
{
	static const unsigned int limits[] = {
		PAGE_SIZE, 3 * PAGE_SIZE, 16 * PAGE_SIZE,
	};
	struct anon_object *obj = anon_test_pages_object(test, 256 * PAGE_SIZE);
	struct scatterlist *sg;
	struct sg_table sgt;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		anon_test_pin_sgt(test, obj, limits[i], &sgt);
		KUNIT_EXPECT_EQ(test, anon_test_sgt_pages(&sgt), 256);
		for_each_sgtable_sg(&sgt, sg, j)
			if (sg->length > limits[i])
				break;
		KUNIT_EXPECT_EQ(test, j, sgt.orig_nents);
		anon_object_unpin_sgt(obj, &sgt, 0);
	}
}

/* Let the object's only block be one a page, all of them next to each other */
static void anon_test_split_block(struct kunit *test, struct anon_pages *pages)
{
	struct llist_node **end = &pages->blocks;
	struct page *page = llist_entry(*end, struct page, pcp_llist);
	unsigned int i, order = page_private(page);

	KUNIT_ASSERT_EQ(test, PAGE_SIZE << order, pages->obj.size);
	split_page(page, order);
	for (i = 0; i < 1U << order; i++, page++) {
		set_page_private(page, 0);
		*end = &page->pcp_llist;
		end = &page->pcp_llist.next;
	}
	*end = NULL;
}

static void anon_test_expect_merged(struct kunit *test, struct anon_object *obj,
				    struct page **pages, unsigned int max_pages)
{
	size_t nr = anon_object_size(obj) >> PAGE_SHIFT;
	struct scatterlist *sg;
	struct sg_table sgt;
	unsigned int i;

	anon_test_pin_sgt(test, obj, max_pages * PAGE_SIZE, &sgt);
	KUNIT_EXPECT_EQ(test, sgt.nents, DIV_ROUND_UP(nr, max_pages));
	KUNIT_EXPECT_EQ(test, anon_test_sgt_pages(&sgt), nr);
	for_each_sgtable_sg(&sgt, sg, i)
		KUNIT_EXPECT_PTR_EQ(test, sg_page(sg), pages[i * max_pages]);
	anon_object_unpin_sgt(obj, &sgt, 0);
}

/*
 * Neighbours are merged wherever the table is: the last of the few entries that
 * are on the stack grows as well, with the page for which it leaves the stack.
 */
static void anon_object_test_pages_merges(struct kunit *test)
{
	const size_t nr = 64;
	struct anon_pages *embedded;
	struct page **pages;
	unsigned int max;

	embedded = kunit_kzalloc(test, sizeof(*embedded), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, embedded);
	KUNIT_ASSERT_EQ(test, 0, anon_pages_embed(embedded, nr * PAGE_SIZE, 0,
						  0));
	anon_test_split_block(test, embedded);
	pages = anon_test_pages(test, &embedded->obj);
	KUNIT_ASSERT_EQ(test, 0, anon_object_pin_pages(&embedded->obj, 0,
						       nr * PAGE_SIZE, pages));
	for (max = 1; max <= nr; max++)
		anon_test_expect_merged(test, &embedded->obj, pages, max);
	anon_object_unpin_pages(&embedded->obj, pages, nr, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(&embedded->obj), 0);
	anon_object_put(&embedded->obj);
}

/* A range is the same pages that the whole object has there. */
static void anon_object_test_pages_range(struct kunit *test)
{
	const size_t nr = 256 + 8;
	struct anon_object *obj = anon_test_pages_object(test, nr * PAGE_SIZE);
	struct page **all = anon_test_pages(test, obj);
	struct page **some = anon_test_pages(test, obj);
	size_t from, len;

	KUNIT_ASSERT_EQ(test, 0, anon_object_pin_pages(obj, 0, nr * PAGE_SIZE,
						       all));
	for (from = 0; from < nr; from += 23) {
		for (len = 1; from + len <= nr; len += 61) {
			KUNIT_ASSERT_EQ(test, 0,
					anon_object_pin_pages(obj,
							      from << PAGE_SHIFT,
							      len << PAGE_SHIFT,
							      some));
			KUNIT_EXPECT_MEMEQ(test, some, all + from,
					   len * sizeof(*some));
			anon_object_unpin_pages(obj, some, len, 0);
		}
	}
	anon_object_unpin_pages(obj, all, nr, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

/* What needs an inode is not for these objects, and says so. */
static void anon_object_test_pages_unsupported(struct kunit *test)
{
	const struct anon_view_attrs view = { .flags = O_RDWR };
	struct anon_object *obj = anon_test_pages_object(test, SZ_64K);
	struct iosys_map map;
	struct iov_iter iter;
	struct kvec kvec;
	u32 word = 0;

	KUNIT_EXPECT_PTR_EQ(test, anon_object_file(obj),
			    ERR_PTR(-EOPNOTSUPP));
	KUNIT_EXPECT_PTR_EQ(test, anon_object_view(obj, &view),
			    ERR_PTR(-EOPNOTSUPP));
	KUNIT_EXPECT_EQ(test, anon_object_swap_out(obj, 0, SZ_64K),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_prefetch(obj, 0, SZ_64K),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 0, SZ_64K),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, SZ_64K), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, SZ_1M), -EPERM);
	KUNIT_EXPECT_EQ(test, anon_object_lock(obj, NULL), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, 0, &word, sizeof(word)),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, 0, &word, sizeof(word)),
			-EOPNOTSUPP);
	KUNIT_EXPECT_PTR_EQ(test, anon_object_get_folio(obj, 0),
			    ERR_PTR(-EOPNOTSUPP));
	KUNIT_EXPECT_PTR_EQ(test, anon_object_find_folio(obj, 0),
			    ERR_PTR(-EOPNOTSUPP));
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, 0), -EOPNOTSUPP);
	iosys_map_set_vaddr(&map, &word);
	KUNIT_EXPECT_EQ(test, anon_object_read_map(obj, 0, &map, 0,
						   sizeof(word)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, anon_object_write_map(obj, 0, &map, 0,
						    sizeof(word)), -EOPNOTSUPP);
	kvec.iov_base = &word;
	kvec.iov_len = sizeof(word);
	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, sizeof(word));
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, 0, &iter),
			-EOPNOTSUPP);
	anon_object_unlock(obj, NULL);
	anon_object_move_evictable(obj);
}

/* Bad ranges pin nothing. */
static void anon_object_test_pages_ranges(struct kunit *test)
{
	const size_t size = 16 * PAGE_SIZE;
	struct anon_object *obj = anon_test_pages_object(test, size);
	u64 resident = anon_test_resident(obj);
	struct sg_table sgt;

	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(obj, 0, size + PAGE_SIZE,
						  UINT_MAX, &sgt), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(obj, 1, PAGE_SIZE, UINT_MAX,
						  &sgt), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(obj, 0, 0, UINT_MAX, &sgt),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(obj, 0, PAGE_SIZE,
						  PAGE_SIZE - 1, &sgt),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), resident);
}

static const struct anon_test_refused {
	const char *desc;
	struct anon_object_attrs attrs;
	int err;
} anon_test_refused[] = {
	{
		.desc = "size-0",
		.attrs = { .name = "kunit" },
		.err = -EINVAL,
	}, {
		.desc = "huge-policy",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .huge = ANON_OBJECT_HUGE_ALWAYS },
		.err = -EINVAL,
	}, {
		.desc = "page-shift",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .page_shift = PAGE_SHIFT },
		.err = -EINVAL,
	}, {
		.desc = "resizable",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .flags = ANON_OBJECT_RESIZABLE },
		.err = -EINVAL,
	}, {
		.desc = "noreserve",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .flags = ANON_OBJECT_NORESERVE },
		.err = -EINVAL,
	}, {
		.desc = "flag-unknown",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .flags = ANON_OBJECT_UNCLEARED << 1 },
		.err = -EINVAL,
	}, {
		.desc = "size-negative",
		.attrs = { .name = "kunit", .size = -SZ_4K },
		.err = -EINVAL,
	}, {
		.desc = "size-too-large",
		.attrs = { .name = "kunit",
			   .size = (loff_t)((u64)MAX_LFS_FILESIZE + 1) },
		.err = -EINVAL,
	}, {
		.desc = "gfp-unknown",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .gfp = (__force gfp_t)BIT(__GFP_BITS_SHIFT) },
		.err = -EINVAL,
	}, {
		.desc = "more-than-there-is",
		.attrs = { .name = "kunit", .size = MAX_LFS_FILESIZE },
		.err = -ENOMEM,
	},
};

KUNIT_ARRAY_PARAM_DESC(anon_test_refused, anon_test_refused, desc);

static void anon_object_test_pages_create_rejects(struct kunit *test)
{
	const struct anon_test_refused *refused = test->param_value;
	struct anon_object_attrs attrs = refused->attrs;
	struct anon_pages pages;

	attrs.backend = ANON_OBJECT_PAGES;
	KUNIT_EXPECT_PTR_EQ(test, anon_object_create(&attrs),
			    ERR_PTR(refused->err));
	if (!attrs.huge && !attrs.page_shift)
		KUNIT_EXPECT_EQ(test, anon_pages_embed(&pages, attrs.size,
						       attrs.gfp, attrs.flags),
				refused->err);
}

/* Memory is asked for with zeroes in it, unless that is not wanted. */
static void anon_object_test_pages_clears(struct kunit *test)
{
	struct anon_pages *pages = kunit_kzalloc(test, sizeof(*pages),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	KUNIT_ASSERT_EQ(test, anon_pages_embed(pages, SZ_64K, 0, 0), 0);
	KUNIT_EXPECT_TRUE(test, pages->gfp & __GFP_ZERO);
	anon_object_put(&pages->obj);
	KUNIT_ASSERT_EQ(test, anon_pages_embed(pages, SZ_64K, 0,
					       ANON_OBJECT_UNCLEARED), 0);
	KUNIT_EXPECT_FALSE(test, pages->gfp & __GFP_ZERO);
	anon_object_put(&pages->obj);
}

/* What others have not, they refuse. */
static void anon_object_test_pages_flags(struct kunit *test)
{
	struct anon_object_attrs attrs = { .name = "kunit", .size = SZ_4K };

	attrs.flags = ANON_OBJECT_VOLATILE;
	KUNIT_EXPECT_PTR_EQ(test, anon_object_create(&attrs),
			    ERR_PTR(-EINVAL));
	attrs.flags = ANON_OBJECT_UNCLEARED;
	KUNIT_EXPECT_PTR_EQ(test, anon_object_create(&attrs),
			    ERR_PTR(-EINVAL));
}

static void anon_test_too_large(struct kunit *test, unsigned long there_is,
				gfp_t gfp)
{
	const loff_t size = (loff_t)(there_is + 1) << PAGE_SHIFT;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = size,
		.backend = ANON_OBJECT_PAGES,
		.gfp = gfp,
		.flags = ANON_OBJECT_VOLATILE,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct sg_table sgt;

	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(obj, 0, size, UINT_MAX,
						  &sgt), -ENOMEM);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* There is no pinning more than there is, whatever an object promises. */
static void anon_object_test_pages_too_large(struct kunit *test)
{
	anon_test_too_large(test, totalram_pages(), 0);
	anon_test_too_large(test, anon_test_low_pages(), ANON_TEST_LOW);
}

/* An embedded object lasts until its last reference, and can be made again. */
static void anon_object_test_pages_embed(struct kunit *test)
{
	struct anon_object *obj;
	struct anon_pages *pages;
	struct sg_table sgt;
	unsigned int i;

	pages = kunit_kzalloc(test, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	obj = &pages->obj;
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, 0, anon_pages_embed(pages, SZ_64K, 0, 0));
		KUNIT_EXPECT_PTR_EQ(test, anon_object_get(obj), obj);
		anon_object_put(obj);

		anon_test_pin_sgt(test, obj, UINT_MAX, &sgt);
		KUNIT_EXPECT_EQ(test, anon_test_sgt_pages(&sgt),
				SZ_64K >> PAGE_SHIFT);
		anon_object_unpin_sgt(obj, &sgt, 0);
		KUNIT_EXPECT_EQ(test, anon_test_resident(obj), SZ_64K);

		anon_object_put(obj);
		memset(pages, POISON_FREE, sizeof(*pages));
	}
}

static unsigned int anon_test_releases;

static void anon_test_released(struct anon_object *obj)
{
	if (obj->private == &anon_test_releases)
		anon_test_releases++;
}

static unsigned long anon_test_refs(void)
{
#if defined(MODULE) && defined(CONFIG_MODULE_UNLOAD)
	return module_refcount(THIS_MODULE);
#else
	return 0;
#endif
}

/* The owner is told of the end, and is needed until then, not for a failure. */
static void anon_object_test_pages_hooks(struct kunit *test)
{
	static const struct anon_object_ops ops = {
		.owner = THIS_MODULE,
		.release = anon_test_released,
	};
	struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = PAGE_SIZE,
		.backend = ANON_OBJECT_PAGES,
		.ops = &ops,
		.private = &anon_test_releases,
	};
	unsigned long refs = anon_test_refs();
	struct anon_object *obj;

	anon_test_releases = 0;
	obj = anon_test_create(test, &attrs);
	anon_object_put(anon_object_get(obj));
	KUNIT_EXPECT_EQ(test, anon_test_releases, 0);
	anon_test_put(test, obj);
	KUNIT_EXPECT_EQ(test, anon_test_releases, 1);
	KUNIT_EXPECT_EQ(test, anon_test_refs(), refs);

	attrs.size = MAX_LFS_FILESIZE;
	KUNIT_EXPECT_PTR_EQ(test, anon_object_create(&attrs), ERR_PTR(-ENOMEM));
	KUNIT_EXPECT_EQ(test, anon_test_releases, 1);
	KUNIT_EXPECT_EQ(test, anon_test_refs(), refs);
}

/* The first table is the object's own, but only one at a time. */
static void anon_object_test_pages_entry(struct kunit *test)
{
	struct anon_object *obj = anon_test_pages_object(test, PAGE_SIZE);
	struct sg_table first, second, third;

	anon_test_pin_sgt(test, obj, UINT_MAX, &first);
	anon_test_pin_sgt(test, obj, UINT_MAX, &second);
	KUNIT_EXPECT_PTR_NE(test, first.sgl, second.sgl);
	KUNIT_EXPECT_PTR_EQ(test, sg_page(first.sgl), sg_page(second.sgl));
	KUNIT_EXPECT_TRUE(test, sg_is_last(first.sgl));
	KUNIT_EXPECT_EQ(test, first.sgl->length, PAGE_SIZE);

	anon_object_unpin_sgt(obj, &first, 0);
	anon_test_pin_sgt(test, obj, UINT_MAX, &third);
	KUNIT_EXPECT_PTR_NE(test, third.sgl, second.sgl);
	KUNIT_EXPECT_PTR_EQ(test, sg_page(third.sgl), sg_page(second.sgl));
	anon_object_unpin_sgt(obj, &second, 0);
	KUNIT_EXPECT_TRUE(test, sg_is_last(third.sgl));
	KUNIT_EXPECT_EQ(test, anon_test_sgt_pages(&third), 1);
	anon_object_unpin_sgt(obj, &third, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

/* A part of a block is not the block, and starts where it should. */
static void anon_object_test_pages_part(struct kunit *test)
{
	static const struct {
		loff_t pos;
		size_t len;
		unsigned int max_segment;
	} parts[] = {
		{ 0, PAGE_SIZE, UINT_MAX },
		{ 8 * PAGE_SIZE, 8 * PAGE_SIZE, UINT_MAX },
		{ PAGE_SIZE, 15 * PAGE_SIZE, UINT_MAX },
		{ 0, 16 * PAGE_SIZE, 8 * PAGE_SIZE },
		{ 0, 16 * PAGE_SIZE, UINT_MAX },
	};
	const size_t size = 16 * PAGE_SIZE;
	struct anon_object *obj = anon_test_pages_object(test, size);
	struct page **all = anon_test_pages(test, obj);
	struct sg_table sgt;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		KUNIT_ASSERT_EQ(test, 0,
				anon_object_pin_sgt(obj, parts[i].pos,
						    parts[i].len,
						    parts[i].max_segment,
						    &sgt));
		KUNIT_ASSERT_EQ(test, 0, anon_object_pin_pages(obj, 0, size,
							       all));
		KUNIT_EXPECT_EQ(test, anon_test_sgt_pages(&sgt),
				parts[i].len >> PAGE_SHIFT);
		KUNIT_EXPECT_PTR_EQ(test, sg_page(sgt.sgl),
				    all[parts[i].pos >> PAGE_SHIFT]);
		KUNIT_EXPECT_LE(test, sgt.sgl->length, parts[i].max_segment);
		anon_object_unpin_sgt(obj, &sgt, 0);
		anon_object_unpin_pages(obj, all, size >> PAGE_SHIFT, 0);
	}
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

struct anon_test_racer {
	struct work_struct work;
	struct anon_object *obj;
	unsigned int failed;
};

static void anon_test_race(struct work_struct *work)
{
	struct anon_test_racer *racer =
		container_of(work, struct anon_test_racer, work);
	struct anon_object *obj = racer->obj;
	struct sg_table sgt;
	unsigned int i;

	for (i = 0; i < 5000; i++) {
		if (anon_object_pin_sgt(obj, 0, PAGE_SIZE, UINT_MAX, &sgt)) {
			racer->failed++;
			continue;
		}
		if (sgt.orig_nents != 1 || sgt.sgl->length != PAGE_SIZE)
			racer->failed++;
		*(unsigned int *)sg_virt(sgt.sgl) = i;
		anon_object_unpin_sgt(obj, &sgt, 0);
		cond_resched();
	}
}

/* Memory that comes and goes is never gone for who has pinned it. */
static void anon_object_test_pages_race(struct kunit *test)
{
	struct anon_test_racer racers[2] = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(racers); i++) {
		racers[i].obj = i ? racers[0].obj :
				anon_test_pages_object(test, PAGE_SIZE);
		INIT_WORK_ONSTACK(&racers[i].work, anon_test_race);
	}
	for (i = 0; i < ARRAY_SIZE(racers); i++)
		queue_work(system_dfl_wq, &racers[i].work);
	for (i = 0; i < ARRAY_SIZE(racers); i++) {
		flush_work(&racers[i].work);
		destroy_work_on_stack(&racers[i].work);
		KUNIT_EXPECT_EQ(test, racers[i].failed, 0);
	}
	KUNIT_EXPECT_EQ(test, anon_test_pinned(racers[0].obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(racers[0].obj),
			anon_test_volatile(test) ? 0 : PAGE_SIZE);
}

/* The page allocator's flags hold for each block. */
static void anon_object_test_pages_gfp(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_1M,
		.backend = ANON_OBJECT_PAGES,
		.gfp = ANON_TEST_LOW,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct page **pages = anon_test_pages(test, obj);
	size_t i, nr = SZ_1M >> PAGE_SHIFT;

	anon_test_need_high(test);
	KUNIT_ASSERT_EQ(test, 0, anon_object_pin_pages(obj, 0, SZ_1M, pages));
	for (i = 0; i < nr; i++)
		if (anon_test_is_high(pages[i]))
			break;
	KUNIT_EXPECT_EQ(test, i, nr);
	anon_object_unpin_pages(obj, pages, nr, 0);
}

/* Memory that the kernel may have no address of is cleared, and mapped. */
static void anon_object_test_pages_high(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_64K,
		.backend = ANON_OBJECT_PAGES,
		.gfp = GFP_HIGHUSER,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct page **pages = anon_test_pages(test, obj);
	u8 *want = anon_test_buffer(test, SZ_64K);
	struct anon_object_map map;
	size_t i;

	KUNIT_ASSERT_EQ(test, 0, anon_object_vmap(obj, 0, SZ_64K, PAGE_KERNEL,
						  &map));
	KUNIT_EXPECT_NULL(test, memchr_inv(map.vaddr, 0, SZ_64K));
	anon_test_pattern(map.vaddr, 0, SZ_64K);
	anon_object_vunmap(obj, &map, ANON_OBJECT_DIRTY);

	KUNIT_ASSERT_EQ(test, 0, anon_object_pin_pages(obj, 0, SZ_64K, pages));
	anon_test_pattern(want, 0, SZ_64K);
	for (i = 0; i < SZ_64K >> PAGE_SHIFT; i++) {
		void *got = kmap_local_page(pages[i]);

		KUNIT_EXPECT_MEMEQ(test, got, want + (i << PAGE_SHIFT),
				   PAGE_SIZE);
		kunmap_local(got);
	}
	anon_object_unpin_pages(obj, pages, SZ_64K >> PAGE_SHIFT, 0);
}

static struct kunit_case anon_object_pages_cases[] = {
	KUNIT_CASE_PARAM(anon_object_test_pages_resident,
			 anon_test_kind_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pages_contents,
			 anon_test_kind_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pages_blocks,
			 anon_test_kind_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pages_max_segment,
			 anon_test_kind_gen_params),
	KUNIT_CASE(anon_object_test_pages_merges),
	KUNIT_CASE_PARAM(anon_object_test_pages_range,
			 anon_test_kind_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pages_unsupported,
			 anon_test_kind_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pages_ranges,
			 anon_test_kind_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pages_create_rejects,
			 anon_test_refused_gen_params),
	KUNIT_CASE(anon_object_test_pages_clears),
	KUNIT_CASE(anon_object_test_pages_flags),
	KUNIT_CASE(anon_object_test_pages_too_large),
	KUNIT_CASE(anon_object_test_pages_embed),
	KUNIT_CASE(anon_object_test_pages_hooks),
	KUNIT_CASE_PARAM(anon_object_test_pages_entry,
			 anon_test_kind_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pages_part,
			 anon_test_kind_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pages_race,
			 anon_test_kind_gen_params),
	KUNIT_CASE(anon_object_test_pages_gfp),
	KUNIT_CASE(anon_object_test_pages_high),
	{}
};

static struct kunit_suite anon_object_pages_suite = {
	.name = "anon_object_pages",
	.init = anon_test_init,
	.test_cases = anon_object_pages_cases,
};

kunit_test_suite(anon_object_pages_suite);
