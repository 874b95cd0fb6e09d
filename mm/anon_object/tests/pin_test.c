// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: pins, to pages, to tables and to mappings.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>

#include "test.h"

KUNIT_ARRAY_PARAM_DESC(anon_test_backend, anon_test_backends, desc);

/* An object of 256 pages, or on hugetlb of huge pages, and all its pages */
struct anon_test_pin {
	struct anon_object *obj;
	struct address_space *mapping;
	size_t size;
	size_t nr;
	struct page **pages;
};

static int anon_test_pin_init(struct kunit *test)
{
	struct anon_test_pin *pin;

	anon_test_init(test);
	if (!test->param_value)
		return 0;
	pin = kunit_kzalloc(test, sizeof(*pin), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pin);
	test->priv = pin;
	return 0;
}

static struct anon_test_pin *anon_test_pin(struct kunit *test)
{
	struct anon_test_pin *pin = test->priv;

	pin->obj = anon_test_object(test, 256 * PAGE_SIZE);
	pin->mapping = anon_test_inode(pin->obj)->i_mapping;
	pin->size = anon_object_size(pin->obj);
	pin->nr = pin->size >> PAGE_SHIFT;
	pin->pages = anon_test_pages(test, pin->obj);
	return pin;
}

static void anon_test_pin_all(struct kunit *test, struct anon_test_pin *pin)
{
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(pin->obj, 0, pin->size,
						    pin->pages), 0);
}

static void anon_test_unpin_all(struct anon_test_pin *pin)
{
	anon_object_unpin_pages(pin->obj, pin->pages, pin->nr, 0);
}

/* Are these the pages that the page cache has from @index on? */
static bool anon_test_in_cache(struct anon_test_pin *pin, struct page **pages,
			       pgoff_t index, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		struct folio *folio = filemap_get_folio(pin->mapping,
							index + i);
		bool same;

		if (IS_ERR(folio))
			return false;
		same = folio_file_page(folio, index + i) == pages[i];
		folio_put(folio);
		if (!same)
			return false;
	}
	return true;
}

/* Neither a pin nor what holds memory for one is left */
static void anon_test_expect_unpinned(struct kunit *test,
				      struct anon_test_pin *pin)
{
	pgoff_t index;

	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), 0);
	KUNIT_EXPECT_FALSE(test, mapping_unevictable(pin->mapping));
	for (index = 0; index < pin->nr; index++) {
		struct folio *folio = filemap_get_folio(pin->mapping, index);

		if (IS_ERR(folio))
			continue;
		KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(folio));
		index = folio_next_index(folio) - 1;
		folio_put(folio);
	}
}

/* A pin gives the object's pages, in its order, filled and kept. */
static void anon_object_test_pin_pages(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	size_t i;

	anon_test_pin_all(test, pin);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), pin->size);
	KUNIT_EXPECT_EQ(test, anon_test_resident(pin->obj), pin->size);
	KUNIT_EXPECT_TRUE(test, mapping_unevictable(pin->mapping));
	KUNIT_EXPECT_TRUE(test, anon_test_in_cache(pin, pin->pages, 0,
						   pin->nr));
	for (i = 0; i < pin->nr; i++)
		if (!folio_maybe_dma_pinned(page_folio(pin->pages[i])))
			break;
	KUNIT_EXPECT_EQ(test, i, pin->nr);

	anon_test_unpin_all(pin);
	anon_test_expect_unpinned(test, pin);
	KUNIT_EXPECT_EQ(test, anon_test_resident(pin->obj), pin->size);
}

/* What was there before a pin is what it gives. */
static void anon_object_test_pin_contents(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	u8 *want = anon_test_buffer(test, PAGE_SIZE);
	size_t i;

	anon_test_fill(test, pin->obj);
	anon_test_pin_all(test, pin);
	for (i = 0; i < pin->nr; i++) {
		void *got = kmap_local_page(pin->pages[i]);
		int diff;

		anon_test_pattern(want, i << PAGE_SHIFT, PAGE_SIZE);
		diff = memcmp(got, want, PAGE_SIZE);
		kunmap_local(got);
		if (diff)
			break;
	}
	KUNIT_EXPECT_EQ(test, i, pin->nr);
	anon_test_unpin_all(pin);
}

/* Memory that has not been written is zeroes. */
static void anon_object_test_pin_zeroes(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);

	/* Leave something that would show in memory that is not cleared */
	anon_test_fill(test, pin->obj);
	anon_test_put(test, pin->obj);

	pin = anon_test_pin(test);
	anon_test_pin_all(test, pin);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, pin->obj, 0, pin->size));
	anon_test_unpin_all(pin);
}

/* A part of the object, beginning and ending within a large folio. */
static void anon_object_test_pin_range(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct page *pages[5];
	size_t len = ARRAY_SIZE(pages) * PAGE_SIZE;

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(pin->obj, 3 * PAGE_SIZE,
						    len, pages), 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), len);
	KUNIT_EXPECT_TRUE(test, anon_test_in_cache(pin, pages, 3,
						   ARRAY_SIZE(pages)));
	anon_object_unpin_pages(pin->obj, pages, ARRAY_SIZE(pages), 0);
	anon_test_expect_unpinned(test, pin);
}

/* A last page that the size does not fill can be pinned. */
static void anon_object_test_pin_tail(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, PAGE_SIZE + 100);
	struct page *pages[2];

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, 2 * PAGE_SIZE,
						    pages), 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 2 * PAGE_SIZE);
	anon_object_unpin_pages(obj, pages, 2, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

static void anon_test_reject(struct kunit *test, struct anon_test_pin *pin,
			     loff_t pos, size_t len)
{
	struct anon_object_map map;
	struct sg_table sgt;

	KUNIT_EXPECT_EQ(test, anon_object_pin_pages(pin->obj, pos, len,
						    pin->pages), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(pin->obj, pos, len, UINT_MAX,
						  &sgt), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_vmap(pin->obj, pos, len, PAGE_KERNEL,
					       &map), -EINVAL);
}

/* Ranges that are none of the object's are -EINVAL, and allocate nothing. */
static void anon_object_test_pin_rejects(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	size_t size = pin->size;

	anon_test_reject(test, pin, 0, 0);
	anon_test_reject(test, pin, 1, PAGE_SIZE);
	anon_test_reject(test, pin, 0, PAGE_SIZE + 1);
	anon_test_reject(test, pin, PAGE_SIZE / 2, PAGE_SIZE / 2);
	anon_test_reject(test, pin, -(loff_t)PAGE_SIZE, PAGE_SIZE);
	anon_test_reject(test, pin, -(loff_t)PAGE_SIZE, 2 * PAGE_SIZE);
	anon_test_reject(test, pin, size, PAGE_SIZE);
	anon_test_reject(test, pin, 0, size + PAGE_SIZE);
	anon_test_reject(test, pin, PAGE_SIZE, size);
	anon_test_reject(test, pin, LLONG_MAX - PAGE_SIZE + 1, PAGE_SIZE);
	anon_test_reject(test, pin, PAGE_SIZE, -PAGE_SIZE);
	anon_test_reject(test, pin, PAGE_SIZE, LONG_MIN);
	anon_test_reject(test, pin, PAGE_SIZE, LONG_MAX - PAGE_SIZE + 1);

	KUNIT_EXPECT_EQ(test, anon_test_resident(pin->obj), 0);
	anon_test_expect_unpinned(test, pin);
}

static void anon_test_overlap(struct kunit *test, bool first_first)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct page *pages[2][6];
	size_t len = 6 * PAGE_SIZE;
	struct folio *folio;
	int i, err;

	for (i = 0; i < 2; i++) {
		loff_t pos = (2 + 4 * i) * PAGE_SIZE;

		err = anon_object_pin_pages(pin->obj, pos, len, pages[i]);
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), 2 * len);
	KUNIT_EXPECT_PTR_EQ(test, pages[0][4], pages[1][0]);
	KUNIT_EXPECT_PTR_EQ(test, pages[0][5], pages[1][1]);

	anon_object_unpin_pages(pin->obj, pages[!first_first], 6, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), len);
	KUNIT_EXPECT_FALSE(test, mapping_unevictable(pin->mapping));
	folio = page_folio(pages[0][4]);
	KUNIT_EXPECT_TRUE(test, folio_maybe_dma_pinned(folio));

	anon_object_unpin_pages(pin->obj, pages[first_first], 6, 0);
	anon_test_expect_unpinned(test, pin);
}

/* Of two pins that overlap, the one that is left keeps what it has. */
static void anon_object_test_pin_overlap(struct kunit *test)
{
	anon_test_overlap(test, true);
	anon_test_overlap(test, false);
}

static size_t anon_test_sgt_bytes(struct sg_table *sgt)
{
	struct scatterlist *sg;
	size_t bytes = 0;
	int i;

	for_each_sgtable_sg(sgt, sg, i)
		bytes += sg->length;
	return bytes;
}

/* Are these the pages of a table, in its order? */
static bool anon_test_sgt_has(struct sg_table *sgt, struct page **pages,
			      size_t nr)
{
	struct sg_page_iter iter;
	size_t i = 0;

	for_each_sgtable_page(sgt, &iter, 0) {
		if (i == nr || sg_page_iter_page(&iter) != pages[i])
			return false;
		i++;
	}
	return i == nr;
}

/* A table that is as it should be: its end marked, its segments no longer */
static void anon_test_expect_sgt(struct kunit *test, struct sg_table *sgt,
				 size_t len, unsigned int max_segment)
{
	struct scatterlist *sg, *last = NULL;
	int i;

	for_each_sgtable_sg(sgt, sg, i) {
		KUNIT_EXPECT_LE(test, sg->length, max_segment);
		KUNIT_EXPECT_EQ(test, sg->length % PAGE_SIZE, 0);
		KUNIT_EXPECT_EQ(test, sg->offset, 0);
		KUNIT_EXPECT_NE(test, sg->length, 0);
		last = sg;
	}
	KUNIT_ASSERT_NOT_NULL(test, last);
	KUNIT_EXPECT_TRUE(test, sg_is_last(last));
	KUNIT_EXPECT_EQ(test, sg_nents(sgt->sgl), sgt->nents);
	KUNIT_EXPECT_EQ(test, sgt->orig_nents, sgt->nents);
	KUNIT_EXPECT_EQ(test, anon_test_sgt_bytes(sgt), len);
}

/* A table has what an array has; what is next to each other is one segment. */
static void anon_object_test_pin_sgt(struct kunit *test)
{
	const struct anon_test_backend *param = test->param_value;
	struct anon_test_pin *pin = anon_test_pin(test);
	struct sg_table sgt;

	anon_test_pin_all(test, pin);
	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(pin->obj, 0, pin->size,
						  UINT_MAX, &sgt), 0);
	anon_test_expect_sgt(test, &sgt, pin->size, UINT_MAX);
	KUNIT_EXPECT_TRUE(test, anon_test_sgt_has(&sgt, pin->pages, pin->nr));
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), 2 * pin->size);
	if (anon_test_is_hugetlb(test))
		KUNIT_EXPECT_LE(test, sgt.nents,
				anon_test_huge_pages(test, pin->size));
	else if (anon_test_thp() && param->huge == ANON_OBJECT_HUGE_WITHIN_SIZE)
		KUNIT_EXPECT_EQ(test, sgt.nents, 1);

	anon_object_unpin_sgt(pin->obj, &sgt, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), pin->size);
	KUNIT_EXPECT_TRUE(test, mapping_unevictable(pin->mapping));
	anon_test_unpin_all(pin);
	anon_test_expect_unpinned(test, pin);
}

static unsigned int anon_test_runs(struct anon_test_pin *pin,
				   unsigned int max_pages)
{
	unsigned int runs = 0, len = 0;
	size_t i;

	for (i = 0; i < pin->nr; i++) {
		if (!i || len == max_pages ||
		    page_to_pfn(pin->pages[i]) !=
		    page_to_pfn(pin->pages[i - 1]) + 1) {
			runs++;
			len = 0;
		}
		len++;
	}
	return runs;
}

/* Small folios are merged where they happen to be next to each other too. */
static void anon_object_test_sgt_merges(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct sg_table sgt;

	anon_test_pin_all(test, pin);
	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(pin->obj, 0, pin->size,
						  UINT_MAX, &sgt), 0);
	KUNIT_EXPECT_EQ(test, sgt.nents, anon_test_runs(pin, UINT_MAX));
	anon_object_unpin_sgt(pin->obj, &sgt, 0);

	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(pin->obj, 0, pin->size,
						  16 * PAGE_SIZE, &sgt), 0);
	KUNIT_EXPECT_EQ(test, sgt.nents, anon_test_runs(pin, 16));
	anon_object_unpin_sgt(pin->obj, &sgt, 0);
	anon_test_unpin_all(pin);
	anon_test_expect_unpinned(test, pin);
}

static void anon_test_max_segment(struct kunit *test, struct anon_test_pin *pin,
				  unsigned int max_segment)
{
	unsigned int max = round_down(max_segment, PAGE_SIZE);
	struct sg_table sgt;

	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(pin->obj, 0, pin->size,
						  max_segment, &sgt), 0);
	anon_test_expect_sgt(test, &sgt, pin->size, max);
	KUNIT_EXPECT_TRUE(test, anon_test_sgt_has(&sgt, pin->pages, pin->nr));
	KUNIT_EXPECT_EQ(test, sgt.nents,
			anon_test_runs(pin, max >> PAGE_SHIFT));
	anon_object_unpin_sgt(pin->obj, &sgt, 0);
}

/* No segment is longer than asked for, and none needlessly shorter. */
static void anon_object_test_sgt_max_segment(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);

	anon_test_pin_all(test, pin);
	anon_test_max_segment(test, pin, PAGE_SIZE);
	anon_test_max_segment(test, pin, PAGE_SIZE + 1);
	anon_test_max_segment(test, pin, 2 * PAGE_SIZE - 1);
	anon_test_max_segment(test, pin, 3 * PAGE_SIZE);
	anon_test_max_segment(test, pin, 16 * PAGE_SIZE);
	anon_test_max_segment(test, pin, 256 * PAGE_SIZE - 1);
	anon_test_max_segment(test, pin, UINT_MAX);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), pin->size);
	anon_test_unpin_all(pin);
	anon_test_expect_unpinned(test, pin);
}

/* Segments shorter than a page are -EINVAL, and nothing is pinned. */
static void anon_object_test_sgt_max_segment_small(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct sg_table sgt;

	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(pin->obj, 0, pin->size,
						  PAGE_SIZE - 1, &sgt),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(pin->obj, 0, pin->size, 0,
						  &sgt), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_resident(pin->obj), 0);
	anon_test_expect_unpinned(test, pin);
}

/* A table that begins and ends within a large folio, in many segments. */
static void anon_object_test_sgt_range(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct sg_table sgt;

	anon_test_pin_all(test, pin);
	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(pin->obj, 3 * PAGE_SIZE,
						  50 * PAGE_SIZE,
						  7 * PAGE_SIZE, &sgt), 0);
	anon_test_unpin_all(pin);
	anon_test_expect_sgt(test, &sgt, 50 * PAGE_SIZE, 7 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, anon_test_sgt_has(&sgt, pin->pages + 3, 50));
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), 50 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test,
			  folio_maybe_dma_pinned(page_folio(pin->pages[52])));
	anon_object_unpin_sgt(pin->obj, &sgt, 0);
	anon_test_expect_unpinned(test, pin);
}

/* Entries of a page; all but the last page have one as a link to the next */
#define CHUNK	((unsigned int)SG_MAX_SINGLE_ALLOC)

static const struct anon_test_entries {
	const char *desc;
	unsigned int nr;
	enum anon_object_huge huge;
} anon_test_entries[] = {
	{ "1", 1 },
	{ "15", 15 },
	{ "16", 16 },
	{ "17", 17 },
	{ "127", 127 },
	{ "128", 128 },
	{ "129", 129 },
	{ "one-chunk-minus-2", CHUNK - 2 },
	{ "one-chunk-minus-1", CHUNK - 1 },
	{ "one-chunk", CHUNK },
	{ "one-chunk-plus-1", CHUNK + 1 },
	{ "one-chunk-plus-2", CHUNK + 2 },
	{ "two-chunks-minus-1", 2 * CHUNK - 2 },
	{ "two-chunks", 2 * CHUNK - 1 },
	{ "two-chunks-plus-1", 2 * CHUNK },
	{ "three-chunks-minus-1", 3 * CHUNK - 3 },
	{ "three-chunks", 3 * CHUNK - 2 },
	{ "three-chunks-plus-1", 3 * CHUNK - 1 },
	{ "1000", 1000 },
	{ "16-large", 16, ANON_OBJECT_HUGE_WITHIN_SIZE },
	{ "one-chunk-large", CHUNK, ANON_OBJECT_HUGE_WITHIN_SIZE },
	{ "one-chunk-plus-1-large", CHUNK + 1, ANON_OBJECT_HUGE_WITHIN_SIZE },
	{ "two-chunks-large", 2 * CHUNK - 1, ANON_OBJECT_HUGE_WITHIN_SIZE },
	{ "two-chunks-plus-1-large", 2 * CHUNK, ANON_OBJECT_HUGE_WITHIN_SIZE },
	{ "1000-large", 1000, ANON_OBJECT_HUGE_WITHIN_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(anon_test_entries, anon_test_entries, desc);

/* A table is freed by its length alone: this is how sg_free_table() goes */
static void anon_test_expect_chunks(struct kunit *test, struct sg_table *sgt)
{
	struct scatterlist *sgl = sgt->sgl;
	unsigned int left = sgt->orig_nents;

	while (left > CHUNK) {
		struct scatterlist *link = &sgl[CHUNK - 1];

		KUNIT_ASSERT_TRUE(test, sg_is_chain(link));
		sgl = sg_chain_ptr(link);
		left -= CHUNK - 1;
	}
	KUNIT_EXPECT_FALSE(test, sg_is_chain(&sgl[left - 1]));
	KUNIT_EXPECT_TRUE(test, sg_is_last(&sgl[left - 1]));
}

/* Tables of as many entries as fit a page, or chained pages, and around that. */
static void anon_object_test_sgt_entries(struct kunit *test)
{
	const struct anon_test_entries *param = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = param->nr * PAGE_SIZE,
		.huge = param->huge ?: ANON_OBJECT_HUGE_NEVER,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct page **pages = anon_test_pages(test, obj);
	struct sg_table sgt;

	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(obj, 0, attrs.size, PAGE_SIZE,
						  &sgt), 0);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, attrs.size, pages),
			0);
	KUNIT_EXPECT_EQ(test, sgt.nents, param->nr);
	anon_test_expect_sgt(test, &sgt, attrs.size, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, anon_test_sgt_has(&sgt, pages, param->nr));

	anon_test_expect_chunks(test, &sgt);
	anon_object_unpin_sgt(obj, &sgt, 0);
	anon_object_unpin_pages(obj, pages, param->nr, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_NULL(test, sgt.sgl);
}

/* A table that cannot be is -E2BIG, before anything is allocated. */
static void anon_object_test_sgt_too_big(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = (loff_t)PAGE_SIZE << 32,
		.flags = ANON_OBJECT_NORESERVE,
	};
	struct anon_object *obj;
	struct sg_table sgt;

	if (!IS_ENABLED(CONFIG_64BIT))
		kunit_skip(test, "no files of 2^32 pages");
	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_EQ(test, anon_object_pin_sgt(obj, 0, attrs.size, UINT_MAX,
						  &sgt), -E2BIG);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

/* What fallocate() has left uncleared is cleared when it is pinned. */
static void anon_object_test_pin_fallocated(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct file *file = anon_test_file(test, pin->obj);
	size_t i;

	/* Leave something that would show in memory that is not cleared */
	anon_test_fill(test, pin->obj);
	anon_object_truncate_range(pin->obj, 0, pin->size);
	KUNIT_ASSERT_EQ(test, vfs_fallocate(file, 0, 0, pin->size), 0);
	KUNIT_ASSERT_EQ(test, anon_test_resident(pin->obj), pin->size);

	anon_test_pin_all(test, pin);
	for (i = 0; i < pin->nr; i++) {
		void *addr = kmap_local_page(pin->pages[i]);
		bool zero = !memchr_inv(addr, 0, PAGE_SIZE);

		kunmap_local(addr);
		if (!zero || !folio_test_uptodate(page_folio(pin->pages[i])))
			break;
	}
	KUNIT_EXPECT_EQ(test, i, pin->nr);
	anon_test_unpin_all(pin);
	anon_test_expect_unpinned(test, pin);
}

/* Have all these folios been filled? */
static bool anon_test_uptodate(struct page **pages, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (!folio_test_uptodate(page_folio(pages[i])))
			return false;
	return true;
}

/* A mix of folios that are there, that have to be cleared, and of holes. */
static void anon_object_test_pin_mixed(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_1M,
		.huge = ANON_OBJECT_HUGE_NEVER,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct page **pages = anon_test_pages(test, obj);
	struct file *file = anon_test_file(test, obj);
	size_t nr = SZ_1M >> PAGE_SHIFT;

	anon_test_fill(test, obj);
	anon_object_truncate_range(obj, SZ_64K, SZ_256K);
	KUNIT_ASSERT_EQ(test, vfs_fallocate(file, 0, SZ_64K, SZ_128K), 0);
	anon_object_truncate_range(obj, SZ_512K + 5 * PAGE_SIZE, PAGE_SIZE);
	anon_object_truncate_range(obj, SZ_1M - PAGE_SIZE, PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, SZ_1M, pages), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), SZ_1M);
	KUNIT_EXPECT_TRUE(test, anon_test_uptodate(pages, nr));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, SZ_64K, SZ_256K));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, SZ_64K + SZ_256K,
						SZ_128K + SZ_64K));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, SZ_1M - PAGE_SIZE,
					       PAGE_SIZE));
	anon_object_unpin_pages(obj, pages, nr, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

/* Folios that are truncated while pinned stay with the pin, and go with it. */
static void anon_object_test_pin_truncate(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct folio *old, *new;
	struct page *page;

	anon_test_fill(test, pin->obj);
	anon_test_pin_all(test, pin);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(pin->obj, 0,
							 pin->size), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(pin->obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), pin->size);
	old = page_folio(pin->pages[0]);
	KUNIT_EXPECT_TRUE(test, folio_maybe_dma_pinned(old));
	KUNIT_EXPECT_NULL(test, old->mapping);

	/* The object goes on with folios of its own */
	if (anon_test_is_hugetlb(test))
		anon_test_pool(test, 1);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(pin->obj, 0, PAGE_SIZE,
						    &page), 0);
	new = page_folio(page);
	KUNIT_EXPECT_PTR_NE(test, new, old);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, pin->obj, 0, PAGE_SIZE));

	folio_get(old);
	anon_test_unpin_all(pin);
	KUNIT_EXPECT_EQ(test, folio_ref_count(old), 1);
	folio_put(old);
	KUNIT_EXPECT_TRUE(test, folio_maybe_dma_pinned(new));
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), PAGE_SIZE);
	anon_object_unpin_pages(pin->obj, &page, 1, 0);
	anon_test_expect_unpinned(test, pin);
}

/* Shrinking an object under a table works just the same. */
static void anon_object_test_sgt_truncate(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct sg_table sgt;
	struct folio *old;

	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(pin->obj, 0, pin->size,
						  16 * PAGE_SIZE, &sgt), 0);
	old = page_folio(sg_page(sgt.sgl));
	folio_get(old);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(pin->obj, 0,
							 pin->size), 0);
	anon_object_unpin_sgt(pin->obj, &sgt, ANON_OBJECT_DIRTY |
			      ANON_OBJECT_ACCESSED);
	KUNIT_EXPECT_EQ(test, folio_ref_count(old), 1);
	folio_put(old);
	anon_test_expect_unpinned(test, pin);
	KUNIT_EXPECT_EQ(test, anon_test_resident(pin->obj), 0);
}

static void anon_test_flags(struct kunit *test, unsigned int flags)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct sg_table sgt;
	size_t i, evictable = 0;

	/*
	 * What was filled before it is pinned stays evictable, but for a last
	 * batch: of unevictable folios, generations count no use
	 */
	anon_test_fill(test, pin->obj);
	anon_test_pin_all(test, pin);
	for (i = 0; i < pin->nr; i++) {
		folio_clear_dirty(page_folio(pin->pages[i]));
		folio_clear_referenced(page_folio(pin->pages[i]));
	}
	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(pin->obj, 0, pin->size,
						  UINT_MAX, &sgt), 0);
	anon_object_unpin_sgt(pin->obj, &sgt, flags);

	for (i = 0; i < pin->nr; i++) {
		struct folio *folio = page_folio(pin->pages[i]);

		if (folio_test_dirty(folio) != !!(flags & ANON_OBJECT_DIRTY))
			break;
		if (folio_test_unevictable(folio))
			continue;
		evictable++;
		if (folio_test_referenced(folio) !=
		    !!(flags & ANON_OBJECT_ACCESSED))
			break;
	}
	KUNIT_EXPECT_EQ(test, i, pin->nr);
	KUNIT_EXPECT_GT(test, evictable, pin->nr / 2);
	anon_object_unpin_pages(pin->obj, pin->pages, pin->nr,
				ANON_OBJECT_DIRTY);
}

/* An unpin marks what it is told to, and nothing else. */
static void anon_object_test_unpin_flags(struct kunit *test)
{
	/* hugetlb folios are not reclaimed, and always dirty */
	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "no flags on hugetlb");
	anon_test_flags(test, 0);
	anon_test_flags(test, ANON_OBJECT_DIRTY);
	anon_test_flags(test, ANON_OBJECT_ACCESSED);
	anon_test_flags(test, ANON_OBJECT_DIRTY | ANON_OBJECT_ACCESSED);
}

/* A second use activates folios at once, and the lists' sizes know of it. */
static void anon_object_test_unpin_activates(struct kunit *test)
{
	const long nr = 4096;
	const size_t size = nr * PAGE_SIZE;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = size,
		.huge = ANON_OBJECT_HUGE_NEVER,
	};
	/* What a processor has counted for itself may be missing */
	const long slack = 128 * (num_online_cpus() + 1);
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct page **pages = anon_test_pages(test, obj);
	long active, inactive, i, moved = 0;

	if (IS_ENABLED(CONFIG_LRU_GEN))
		kunit_skip(test, "no active list, but generations");
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	anon_object_unpin_pages(obj, pages, nr, ANON_OBJECT_ACCESSED);
	for (i = 0; i < nr; i++)
		if (folio_test_active(page_folio(pages[i])))
			break;
	KUNIT_EXPECT_EQ(test, i, nr);
	active = global_node_page_state(NR_ACTIVE_ANON);
	inactive = global_node_page_state(NR_INACTIVE_ANON);

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	anon_object_unpin_pages(obj, pages, nr, ANON_OBJECT_ACCESSED);
	/* But for those on their way to a list from another processor */
	for (i = 0; i < nr; i++) {
		struct folio *folio = page_folio(pages[i]);

		KUNIT_EXPECT_TRUE(test, folio_test_active(folio) ||
				  !folio_test_lru(folio));
		moved += folio_test_active(folio) &&
			 !folio_test_referenced(folio);
	}
	KUNIT_EXPECT_GT(test, moved, nr - slack);
	active = global_node_page_state(NR_ACTIVE_ANON) - active;
	inactive -= global_node_page_state(NR_INACTIVE_ANON);
	KUNIT_EXPECT_LT(test, abs(active - nr), slack);
	KUNIT_EXPECT_LT(test, abs(inactive - nr), slack);
}

struct anon_test_pinner {
	struct work_struct work;
	struct anon_test_pin *pin;
	struct completion done;
	int err;
};

static void anon_test_pinner_work(struct work_struct *work)
{
	struct anon_test_pinner *pinner =
		container_of(work, struct anon_test_pinner, work);
	struct anon_test_pin *pin = pinner->pin;

	pinner->err = anon_object_pin_pages(pin->obj, 0, pin->size, pin->pages);
	complete(&pinner->done);
}

/* Whoever has a folio locked, as reclaim has it, is waited for. */
static void anon_object_test_pin_waits(struct kunit *test)
{
	struct anon_test_pinner pinner = { .pin = anon_test_pin(test) };
	struct anon_test_pin *pin = pinner.pin;
	struct folio *folio;

	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "reclaim has nothing to do with huge pages");
	anon_test_fill(test, pin->obj);
	folio = filemap_lock_folio(pin->mapping, pin->nr - 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));

	init_completion(&pinner.done);
	INIT_WORK_ONSTACK(&pinner.work, anon_test_pinner_work);
	schedule_work(&pinner.work);
	KUNIT_EXPECT_TRUE(test, anon_test_waited_for(folio));
	KUNIT_EXPECT_FALSE(test, completion_done(&pinner.done));
	folio_unlock(folio);
	folio_put(folio);
	flush_work(&pinner.work);
	destroy_work_on_stack(&pinner.work);

	KUNIT_ASSERT_EQ(test, pinner.err, 0);
	KUNIT_EXPECT_TRUE(test, anon_test_in_cache(pin, pin->pages, 0,
						   pin->nr));
	anon_test_unpin_all(pin);
	anon_test_expect_unpinned(test, pin);
}

/* Pages of which none is next to the one before are as good as others. */
static void anon_object_test_pin_scattered(struct kunit *test)
{
	const long nr = 256;
	const size_t size = nr * PAGE_SIZE;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = size,
		.huge = ANON_OBJECT_HUGE_NEVER,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct page **single = anon_test_pages(test, obj);
	struct page **pages = anon_test_pages(test, obj);
	long i, j, runs = 0;
	struct sg_table sgt;

	/* What is allocated in a row goes to places that are not */
	for (j = 0; j < nr; j++) {
		i = j * 37 % nr;
		KUNIT_ASSERT_EQ(test, 0,
				anon_object_pin_pages(obj, i << PAGE_SHIFT,
						      PAGE_SIZE, &single[i]));
	}
	for (i = 1; i < nr; i++)
		runs += page_to_pfn(single[i]) != page_to_pfn(single[i - 1]) + 1;
	KUNIT_EXPECT_GT(test, runs, 32);

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	KUNIT_EXPECT_MEMEQ(test, pages, single, nr * sizeof(*pages));
	KUNIT_ASSERT_EQ(test, anon_object_pin_sgt(obj, 0, size, UINT_MAX,
						  &sgt), 0);
	KUNIT_EXPECT_EQ(test, sgt.orig_nents, runs + 1);
	anon_object_unpin_sgt(obj, &sgt, 0);
	anon_object_unpin_pages(obj, pages, nr, 0);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE(test,
				  folio_maybe_dma_pinned(page_folio(single[i])));
		anon_object_unpin_pages(obj, &single[i], 1, 0);
		KUNIT_EXPECT_FALSE(test,
				   folio_maybe_dma_pinned(page_folio(single[i])));
	}
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

/* A mapping is the object's memory, for reading and for writing. */
static void anon_object_test_vmap(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	u8 *want = anon_test_buffer(test, PAGE_SIZE);
	struct anon_object_map map;
	void *vaddr;

	KUNIT_ASSERT_EQ(test, anon_object_vmap(pin->obj, 0, pin->size,
					       PAGE_KERNEL, &map), 0);
	KUNIT_EXPECT_EQ(test, map.size, pin->size);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj), pin->size);
	anon_test_pattern(map.vaddr, 0, pin->size);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, pin->obj, 0, pin->size));
	vaddr = map.vaddr;
	anon_object_vunmap(pin->obj, &map, ANON_OBJECT_DIRTY);
	KUNIT_EXPECT_NULL(test, map.vaddr);
	if (is_vmalloc_addr(vaddr))
		KUNIT_EXPECT_NULL(test, vmalloc_to_page(vaddr));
	anon_test_expect_unpinned(test, pin);

	KUNIT_ASSERT_EQ(test, anon_object_vmap(pin->obj, 9 * PAGE_SIZE,
					       PAGE_SIZE, PAGE_KERNEL, &map),
			0);
	anon_test_pattern(want, 9 * PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, memcmp(map.vaddr, want, PAGE_SIZE), 0);
	anon_object_vunmap(pin->obj, &map, 0);
	anon_test_expect_unpinned(test, pin);
}

/* A pin outlives many others of the same memory, and keeps count. */
static void anon_object_test_pin_many(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct page *pages[64];
	int i, err;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		err = anon_object_pin_pages(pin->obj, (i % 7) * PAGE_SIZE,
					    PAGE_SIZE, &pages[i]);
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	KUNIT_EXPECT_EQ(test, anon_test_pinned(pin->obj),
			ARRAY_SIZE(pages) * PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		KUNIT_EXPECT_TRUE(test,
				  folio_maybe_dma_pinned(page_folio(pages[i])));
		anon_object_unpin_pages(pin->obj, &pages[i], 1, 0);
	}
	anon_test_expect_unpinned(test, pin);
}

static bool anon_test_in_movable_zone(struct page *page)
{
	return page_zonenum(page) == ZONE_MOVABLE;
}

/* What is in ZONE_MOVABLE is moved out of there by a pin, unchanged. */
static void anon_object_test_pin_movable(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct folio *folio;
	bool movable;
	size_t i;

	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "huge pages are where the pool has them");
	anon_test_fill(test, pin->obj);
	folio = filemap_get_folio(pin->mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	movable = anon_test_in_movable_zone(&folio->page);
	folio_put(folio);
	if (!movable)
		kunit_skip(test, "no ZONE_MOVABLE: boot with movablecore=");

	anon_test_pin_all(test, pin);
	for (i = 0; i < pin->nr; i++)
		if (anon_test_in_movable_zone(pin->pages[i]))
			break;
	KUNIT_EXPECT_EQ(test, i, pin->nr);
	anon_test_unpin_all(pin);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, pin->obj, 0, pin->size));
}

/* What cannot be moved, for somebody else has a reference, is not pinned. */
static void anon_object_test_pin_movable_busy(struct kunit *test)
{
	struct anon_test_pin *pin = anon_test_pin(test);
	struct folio *folio;
	int err;

	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "huge pages are where the pool has them");
	anon_test_fill(test, pin->obj);
	folio = filemap_get_folio(pin->mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	if (!anon_test_in_movable_zone(&folio->page)) {
		folio_put(folio);
		kunit_skip(test, "no ZONE_MOVABLE: boot with movablecore=");
	}

	err = anon_object_pin_pages(pin->obj, 0, pin->size, pin->pages);
	folio_put(folio);
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	anon_test_expect_unpinned(test, pin);
	anon_test_pin_all(test, pin);
	anon_test_unpin_all(pin);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, pin->obj, 0, pin->size));
}

static struct kunit_case anon_object_pin_cases[] = {
	KUNIT_CASE_PARAM(anon_object_test_pin_pages,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_contents,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_zeroes,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_range,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_tail,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_rejects,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_overlap,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_sgt,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_sgt_merges,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_sgt_max_segment,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_sgt_max_segment_small,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_sgt_range,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_sgt_entries,
			 anon_test_entries_gen_params),
	KUNIT_CASE(anon_object_test_sgt_too_big),
	KUNIT_CASE_PARAM(anon_object_test_pin_fallocated,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_pin_mixed),
	KUNIT_CASE_PARAM(anon_object_test_pin_truncate,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_sgt_truncate,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_unpin_flags,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_unpin_activates),
	KUNIT_CASE_PARAM(anon_object_test_pin_waits,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_pin_scattered),
	KUNIT_CASE_PARAM(anon_object_test_vmap, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_many,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_movable_busy,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_movable,
			 anon_test_backend_gen_params),
	{}
};

static struct kunit_suite anon_object_pin_suite = {
	.name = "anon_object_pin",
	.init = anon_test_pin_init,
	.test_cases = anon_object_pin_cases,
};

kunit_test_suite(anon_object_pin_suite);
