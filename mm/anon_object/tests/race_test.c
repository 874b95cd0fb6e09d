// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: two parties at one object, of which one is
 * stopped where the other matters.
 *
 * There is no luck in it: the first is a thread that stop.h stops at a function
 * on its way, the second does all it can do meanwhile, then the first goes on.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>

#include "../internal.h"
#include "stop.h"
#include "test.h"

KUNIT_ARRAY_PARAM_DESC(anon_test_backend, anon_test_backends, desc);

#define RACE_SIZE	SZ_64K

/* A function that one who adds a folio comes through */
struct race_place {
	struct anon_test_backend backend;	/* first: a test's param */
	const char *symbol;
	bool after;
};

#define RACE_SMALL	{						\
	.desc = "shmem-small",						\
	.backend = ANON_OBJECT_SHMEM,					\
	.huge = ANON_OBJECT_HUGE_NEVER,					\
}

#define RACE_WITHIN	{						\
	.desc = "shmem-within-size",					\
	.backend = ANON_OBJECT_SHMEM,					\
	.huge = ANON_OBJECT_HUGE_WITHIN_SIZE,				\
}

#define RACE_HUGETLB(d)	{						\
	.desc = "hugetlb" d,						\
	.backend = ANON_OBJECT_HUGETLB,					\
}

/* --- parties -------------------------------------------------------------- */

struct race_party;
typedef int (*race_act)(struct race_party *party);

struct race_party {
	struct anon_object *obj;
	struct file *file;
	struct page **pages;
	loff_t pos, len;
	u8 *buf;
	unsigned long pfn;

	race_act act;
	struct task_struct *task;
	struct completion done;
	bool stopped;
	bool begun;
	int err;
};

static int race_fallocate(struct race_party *party)
{
	return vfs_fallocate(party->file, 0, party->pos, party->len);
}

static int race_pin(struct race_party *party)
{
	return anon_object_pin_pages(party->obj, party->pos, party->len,
				     party->pages);
}

static int race_unpin_dirty(struct race_party *party)
{
	anon_object_unpin_pages(party->obj, party->pages,
				party->len >> PAGE_SHIFT, ANON_OBJECT_DIRTY);
	return 0;
}

static int race_purge(struct race_party *party)
{
	return anon_object_purge(party->obj);
}

static int race_punch(struct race_party *party)
{
	return anon_object_punch(party->obj, party->pos, party->len);
}

static int race_truncate(struct race_party *party)
{
	return anon_object_truncate_range(party->obj, party->pos, party->len);
}

static int race_resize(struct race_party *party)
{
	return anon_object_resize(party->obj, party->len);
}

static int race_write(struct race_party *party)
{
	return anon_object_write(party->obj, party->pos, party->buf,
				 party->len);
}

static int race_swap_out(struct race_party *party)
{
	long ret = anon_object_swap_out(party->obj, party->pos, party->len);

	return min(ret, 0L);
}

static int race_prefetch(struct race_party *party)
{
	return anon_object_prefetch(party->obj, party->pos, party->len);
}

static int race_put(struct race_party *party)
{
	anon_object_put(party->obj);
	return 0;
}

static int race_thread(void *data)
{
	struct race_party *party = data;

	WRITE_ONCE(party->begun, true);
	party->err = party->act(party);
	complete(&party->done);
	return 0;
}

static void race_end(void *data)
{
	struct race_party *party = data;

	if (party->stopped)
		anon_stop_clear();
	kthread_stop_put(party->task);
}

/* Who is to do something to all of an object, on the same CPU as the test */
static struct race_party *race_party(struct kunit *test, race_act act,
				     struct anon_object *obj)
{
	struct race_party *party = kunit_kzalloc(test, sizeof(*party),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, party);
	party->act = act;
	party->obj = obj;
	party->len = anon_object_size(obj);
	init_completion(&party->done);
	party->task = kthread_create(race_thread, party, "anon_race");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, party->task);
	get_task_struct(party->task);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, race_end, party),
			0);
	kthread_bind(party->task, raw_smp_processor_id());
	return party;
}

/* Who pins the first page */
static struct race_party *race_pinner(struct kunit *test,
				      struct anon_object *obj)
{
	struct race_party *party = race_party(test, race_pin, obj);

	party->pages = anon_test_pages(test, obj);
	party->len = PAGE_SIZE;
	return party;
}

static void race_start(struct race_party *party)
{
	wake_up_process(party->task);
}

/* Have it begin, and stop at a function, or @after that */
static void race_stop(struct kunit *test, struct race_party *party,
		      const char *symbol, bool after)
{
	int i, err = anon_stop_set(symbol, party->task->pid, after);

	if (err == -EOPNOTSUPP)
		kunit_skip(test, "no task can be stopped in this kernel");
	KUNIT_ASSERT_EQ(test, err, 0);
	party->stopped = true;
	race_start(party);
	for (i = 0; i < 3000 && !anon_stop_reached(); i++) {
		if (completion_done(&party->done))
			break;
		msleep(20);
	}
	KUNIT_ASSERT_TRUE(test, anon_stop_reached());
}

/* Does it wait, for who is stopped?  It may be done instead. */
static bool race_waits(struct race_party *party)
{
	int i, asleep = 0;

	for (i = 0; i < 1000 && asleep < 10; i++) {
		if (completion_done(&party->done))
			return false;
		if (READ_ONCE(party->task->__state) & TASK_UNINTERRUPTIBLE)
			asleep++;
		else
			asleep = 0;
		msleep(20);
	}
	return !completion_done(&party->done);
}

/* Let it go on, if it has been stopped, and see what it comes to */
static int race_finish(struct kunit *test, struct race_party *party)
{
	if (party->stopped)
		anon_stop_go();
	KUNIT_ASSERT_GT(test, wait_for_completion_timeout(&party->done,
							  60 * HZ), 0);
	kunit_release_action(test, race_end, party);
	return party->err;
}

/* Does what is pinned still belong to the object? */
static bool race_is_current(struct race_party *pinner)
{
	struct address_space *mapping = anon_test_inode(pinner->obj)->i_mapping;
	pgoff_t index = pinner->pos >> PAGE_SHIFT;
	struct folio *folio = filemap_get_folio(mapping, index);
	bool same;

	if (IS_ERR(folio))
		return false;
	same = folio_file_page(folio, index) == pinner->pages[0];
	folio_put(folio);
	return same;
}

static void race_unpin(struct race_party *pinner)
{
	anon_object_unpin_pages(pinner->obj, pinner->pages,
				pinner->len >> PAGE_SHIFT, 0);
}

/* --- purge ---------------------------------------------------------------- */

static const struct race_place race_adds[] = {
	{ RACE_SMALL, "shmem_add_to_page_cache" },
	{ RACE_WITHIN, "shmem_add_to_page_cache" },
	{ RACE_HUGETLB("-reserved"), "alloc_hugetlb_folio" },
	{ RACE_HUGETLB("-allocated"), "hugetlb_add_to_page_cache" },
};

KUNIT_ARRAY_PARAM_DESC(race_add, race_adds, backend.desc);

/* Who is about to add a folio finds the object dead, and has nothing of it */
static void race_purge_amid(struct kunit *test, struct race_party *adder)
{
	const struct race_place *place = test->param_value;
	struct race_party *purger = race_party(test, race_purge, adder->obj);
	struct anon_object *obj = adder->obj;

	race_stop(test, adder, place->symbol, place->after);
	race_start(purger);
	/* Whoever is at a huge page is waited for */
	KUNIT_EXPECT_EQ(test, race_waits(purger), anon_test_is_hugetlb(test));
	KUNIT_EXPECT_NE(test, race_finish(test, adder), 0);
	KUNIT_EXPECT_EQ(test, race_finish(test, purger), 0);

	KUNIT_EXPECT_EQ(test, anon_object_size(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

static void race_purge_test(struct kunit *test, race_act act)
{
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct race_party *adder = race_party(test, act, obj);
	long committed;

	adder->file = anon_test_rw_view(test, obj);
	adder->pages = anon_test_pages(test, obj);
	committed = anon_test_committed(test);
	race_purge_amid(test, adder);
	anon_test_fput(test, adder->file);
	anon_test_put(test, obj);
	if (anon_test_is_hugetlb(test))
		KUNIT_EXPECT_EQ(test, anon_test_committed(test), committed -
				anon_test_huge_pages(test, RACE_SIZE));
}

/* A purge in the middle of fallocate() is the end of that. */
static void anon_object_test_purge_amid_fallocate(struct kunit *test)
{
	race_purge_test(test, race_fallocate);
}

/* And of a pin, which is of nothing. */
static void anon_object_test_purge_amid_pin(struct kunit *test)
{
	race_purge_test(test, race_pin);
}

static const struct race_place race_empties[] = {
	{ RACE_SMALL, "shmem_truncate_range" },
	{ RACE_WITHIN, "shmem_truncate_range" },
	{ RACE_HUGETLB(""), "hugetlbfs_truncate_from" },
};

KUNIT_ARRAY_PARAM_DESC(race_empty, race_empties, backend.desc);

/* There is no pin of what is being purged, though it may be there still. */
static void anon_object_test_pin_amid_purge(struct kunit *test)
{
	const struct race_place *place = test->param_value;
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct race_party *purger = race_party(test, race_purge, obj);
	struct race_party *pinner = race_pinner(test, obj);

	anon_test_fill(test, obj);
	race_stop(test, purger, place->symbol, place->after);
	KUNIT_EXPECT_NE(test, anon_test_resident(obj), 0);
	race_start(pinner);
	KUNIT_EXPECT_EQ(test, race_finish(test, pinner), -EINVAL);
	KUNIT_EXPECT_EQ(test, race_finish(test, purger), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/*
 * The last unpin of volatile memory is its purge.  Who is allocating some
 * meanwhile takes what another has pinned, if that is still so.
 */
static void anon_object_test_purge_volatile(struct kunit *test)
{
	struct anon_object *obj = anon_test_create(test,
		&(struct anon_object_attrs) {
			.name = "kunit",
			.size = PAGE_SIZE,
			.backend = ANON_OBJECT_PAGES,
			.flags = ANON_OBJECT_VOLATILE,
		});
	struct race_party *pinner;
	struct page *page;
	int purge;

	for (purge = 0; purge < 2; purge++) {
		pinner = race_pinner(test, obj);
		race_stop(test, pinner, "__alloc_frozen_pages_noprof", true);
		KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE,
							    &page), 0);
		if (purge)
			anon_object_unpin_pages(obj, &page, 1, 0);
		KUNIT_ASSERT_EQ(test, race_finish(test, pinner), 0);
		KUNIT_EXPECT_EQ(test, anon_test_resident(obj), PAGE_SIZE);
		if (!purge) {
			KUNIT_EXPECT_PTR_EQ(test, pinner->pages[0], page);
			anon_object_unpin_pages(obj, &page, 1, 0);
		}
		KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), PAGE_SIZE);
		race_unpin(pinner);
		KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	}
}

/* --- punch and truncation ------------------------------------------------- */

static const struct race_place race_punches[] = {
	{ RACE_SMALL, "shmem_punch_hole" },
	{ RACE_WITHIN, "shmem_punch_hole" },
	{ RACE_HUGETLB(""), "hugetlbfs_punch_hole" },
};

KUNIT_ARRAY_PARAM_DESC(race_punch, race_punches, backend.desc);

/* A pin waits for a punch that found none, and is of what comes after it. */
static void anon_object_test_pin_amid_punch(struct kunit *test)
{
	const struct race_place *place = test->param_value;
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct race_party *puncher = race_party(test, race_punch, obj);
	struct race_party *pinner = race_pinner(test, obj);

	anon_test_fill(test, obj);
	race_stop(test, puncher, place->symbol, place->after);
	race_start(pinner);
	KUNIT_EXPECT_TRUE(test, race_waits(pinner));
	KUNIT_EXPECT_EQ(test, race_finish(test, puncher), 0);
	KUNIT_ASSERT_EQ(test, race_finish(test, pinner), 0);

	KUNIT_EXPECT_TRUE(test, race_is_current(pinner));
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), PAGE_SIZE);
	race_unpin(pinner);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, RACE_SIZE));
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

static const struct race_place race_gets[] = {
	{ RACE_SMALL, "anon_shmem_get_folio", true },
	{ RACE_WITHIN, "anon_shmem_get_folio", true },
	{ RACE_HUGETLB(""), "anon_hugetlb_get_folio", true },
};

KUNIT_ARRAY_PARAM_DESC(race_get, race_gets, backend.desc);

/* A punch sees who is about to pin, though nothing is pinned yet. */
static void anon_object_test_punch_amid_pin(struct kunit *test)
{
	const struct race_place *place = test->param_value;
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct race_party *puncher = race_party(test, race_punch, obj);
	struct race_party *pinner = race_pinner(test, obj);

	race_stop(test, pinner, place->symbol, place->after);
	race_start(puncher);
	KUNIT_EXPECT_EQ(test, race_finish(test, puncher), -EBUSY);
	KUNIT_ASSERT_EQ(test, race_finish(test, pinner), 0);
	KUNIT_EXPECT_TRUE(test, race_is_current(pinner));
	race_unpin(pinner);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, anon_object_size(obj)),
			0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* What is truncated before it is pinned is not what is pinned. */
static void anon_object_test_truncate_amid_pin(struct kunit *test)
{
	const struct race_place *place = test->param_value;
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct race_party *truncater = race_party(test, race_truncate, obj);
	struct race_party *pinner = race_pinner(test, obj);

	race_stop(test, pinner, place->symbol, place->after);
	race_start(truncater);
	KUNIT_EXPECT_EQ(test, race_finish(test, truncater), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_ASSERT_EQ(test, race_finish(test, pinner), 0);
	KUNIT_EXPECT_TRUE(test, race_is_current(pinner));
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), PAGE_SIZE);
	race_unpin(pinner);
}

static const struct race_place race_truncates[] = {
	{ RACE_SMALL, "shmem_truncate_range" },
	{ RACE_WITHIN, "shmem_truncate_range" },
	{ RACE_HUGETLB(""), "hugetlbfs_punch_hole" },
};

KUNIT_ARRAY_PARAM_DESC(race_truncate, race_truncates, backend.desc);

/* What is pinned just before it goes is left as it is, and is nobody's then. */
static void anon_object_test_pin_amid_truncate(struct kunit *test)
{
	const struct race_place *place = test->param_value;
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct race_party *truncater = race_party(test, race_truncate, obj);
	struct race_party *pinner = race_pinner(test, obj);

	anon_test_fill(test, obj);
	race_stop(test, truncater, place->symbol, place->after);
	race_start(pinner);
	KUNIT_ASSERT_EQ(test, race_finish(test, pinner), 0);
	KUNIT_EXPECT_EQ(test, race_finish(test, truncater), 0);

	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_page_holds(test, pinner->pages[0],
						     0));
	race_unpin(pinner);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, RACE_SIZE));
}

/* --- resize --------------------------------------------------------------- */

static const struct race_place race_writes[] = {
	{ RACE_SMALL, "shmem_add_to_page_cache" },
	{ RACE_SMALL, "filemap_get_entry", true },
	{ RACE_HUGETLB("-reserved"), "alloc_hugetlb_folio" },
	{ RACE_HUGETLB("-allocated"), "hugetlb_add_to_page_cache" },
	{ RACE_HUGETLB(""), "anon_hugetlb_get_folio", true },
};

KUNIT_ARRAY_PARAM_DESC(race_write, race_writes, symbol);

/* Nothing is written beyond the new end, nor is anything there afterwards. */
static void anon_object_test_resize_amid_write(struct kunit *test)
{
	const struct race_place *place = test->param_value;
	struct anon_object_attrs attrs = {
		.name = "kunit",
		.backend = place->backend.backend,
		.huge = place->backend.huge,
		.flags = ANON_OBJECT_RESIZABLE,
	};
	struct race_party *writer, *resizer;
	struct anon_object *obj;
	loff_t unit = PAGE_SIZE;
	long committed;

	if (anon_test_is_hugetlb(test)) {
		unit = huge_page_size(anon_test_hstate(test));
		anon_test_pool(test, 2);
	}
	committed = anon_test_committed(test);
	attrs.size = 2 * unit;
	obj = anon_test_create(test, &attrs);
	/* It is to be found, or else to be added */
	if (place->after)
		anon_test_fill(test, obj);

	writer = race_party(test, race_write, obj);
	writer->buf = anon_test_buffer(test, PAGE_SIZE);
	writer->pos = unit;
	writer->len = PAGE_SIZE;
	anon_test_pattern(writer->buf, unit, PAGE_SIZE);
	resizer = race_party(test, race_resize, obj);
	resizer->len = unit;
	race_stop(test, writer, place->symbol, place->after);
	race_start(resizer);
	KUNIT_EXPECT_EQ(test, race_finish(test, resizer), 0);
	KUNIT_EXPECT_EQ(test, race_finish(test, writer), -ENOSPC);

	KUNIT_EXPECT_EQ(test, anon_object_size(obj), unit);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj),
			place->after ? unit : 0);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, 2 * unit), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, unit, unit));
	anon_test_put(test, obj);
	if (anon_test_is_hugetlb(test))
		KUNIT_EXPECT_EQ(test, anon_test_committed(test), committed);
}

/* Nor is what a pin adds, and it is not accounted for. */
static void anon_object_test_resize_amid_pin(struct kunit *test)
{
	struct race_party *pinner, *resizer;
	struct anon_object *obj;
	long committed;

	committed = vm_memory_committed();
	obj = anon_test_create(test, &(struct anon_object_attrs) {
		.name = "kunit",
		.size = RACE_SIZE,
		.huge = ANON_OBJECT_HUGE_NEVER,
		.flags = ANON_OBJECT_RESIZABLE | ANON_OBJECT_NORESERVE,
	});
	pinner = race_pinner(test, obj);
	pinner->len = RACE_SIZE;
	resizer = race_party(test, race_resize, obj);
	resizer->len = 2 * PAGE_SIZE;
	race_stop(test, pinner, "shmem_add_to_page_cache", false);
	race_start(resizer);
	KUNIT_EXPECT_EQ(test, race_finish(test, resizer), 0);
	KUNIT_EXPECT_EQ(test, race_finish(test, pinner), -EINVAL);

	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_test_inode(obj)->i_blocks << SECTOR_SHIFT,
			2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, RACE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 2 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, RACE_SIZE));
	anon_test_put(test, obj);
	KUNIT_EXPECT_EQ(test, vm_memory_committed(), committed);
}

/* --- swap ----------------------------------------------------------------- */

static const struct anon_test_backend race_shmem[] = {
	RACE_SMALL,
	RACE_WITHIN,
};

KUNIT_ARRAY_PARAM_DESC(race_shmem, race_shmem, desc);

/* A pin waits for who writes the folio out, and has it read back. */
static void anon_object_test_pin_amid_swap_out(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct race_party *swapper = race_party(test, race_swap_out, obj);
	struct race_party *pinner = race_pinner(test, obj);

	anon_test_need_swap(test);
	anon_test_fill(test, obj);
	race_stop(test, swapper, "shmem_writeout", false);
	race_start(pinner);
	KUNIT_EXPECT_TRUE(test, race_waits(pinner));
	KUNIT_EXPECT_EQ(test, race_finish(test, swapper), 0);
	KUNIT_ASSERT_EQ(test, race_finish(test, pinner), 0);

	KUNIT_EXPECT_TRUE(test, race_is_current(pinner));
	KUNIT_EXPECT_TRUE(test, anon_test_page_holds(test, pinner->pages[0],
						     0));
	race_unpin(pinner);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, RACE_SIZE));
}

/*
 * A page that is only read need not be written: what a device has put there is
 * lost, unless it counts as dirty before the pin is gone.
 */
static void anon_object_test_swap_out_amid_unpin(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct race_party *unpinner = race_party(test, race_unpin_dirty, obj);
	u8 *buf = anon_test_buffer(test, PAGE_SIZE);

	anon_test_need_swap(test);
	unpinner->pages = anon_test_pages(test, obj);
	unpinner->len = PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, race_pin(unpinner), 0);
	anon_test_pattern(buf, 0, PAGE_SIZE);
	memcpy_to_page(unpinner->pages[0], 0, buf, PAGE_SIZE);

	race_stop(test, unpinner, "folio_mark_dirty", false);
	KUNIT_EXPECT_EQ(test, anon_object_swap_out(obj, 0, RACE_SIZE), 0);
	KUNIT_EXPECT_NE(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, race_finish(test, unpinner), 0);
	KUNIT_EXPECT_NE(test, anon_test_swap_out(obj, PAGE_SIZE), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

/*
 * What the last pin of all the object did not hold, for it was in swap, comes
 * back while that is unpinned: reclaim finds it.
 */
static void anon_object_test_unpin_amid_swap_in(struct kunit *test)
{
	struct anon_object *obj = anon_test_create(test,
		&(struct anon_object_attrs) {
			.name = "kunit",
			.size = 2 * PAGE_SIZE,
			.huge = ANON_OBJECT_HUGE_NEVER,
		});
	struct address_space *mapping = anon_test_inode(obj)->i_mapping;
	struct race_party *prefetcher = race_party(test, race_prefetch, obj);
	struct page *pages[2];

	anon_test_need_swap(test);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, 2 * PAGE_SIZE,
						    pages), 0);
	KUNIT_ASSERT_EQ(test, anon_object_truncate_range(obj, PAGE_SIZE,
							 PAGE_SIZE), 0);
	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, PAGE_SIZE), PAGE_SIZE);

	race_stop(test, prefetcher, "shmem_add_to_page_cache", false);
	KUNIT_EXPECT_TRUE(test, mapping_unevictable(mapping));
	anon_object_unpin_pages(obj, pages, 2, ANON_OBJECT_DIRTY);
	KUNIT_EXPECT_FALSE(test, mapping_unevictable(mapping));
	KUNIT_EXPECT_EQ(test, race_finish(test, prefetcher), 0);

	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 2 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, anon_test_swap_out(obj, 2 * PAGE_SIZE),
			2 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, 2 * PAGE_SIZE));
}

/* --- the last reference --------------------------------------------------- */

/* An object with a reference that a party puts, and another file of it */
static struct race_party *race_putter(struct kunit *test, struct file **file)
{
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct file *own = anon_object_file(obj);

	anon_test_fill(test, obj);
	*file = dentry_open(&own->f_path, O_RDWR, current_cred());
	fput(own);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, *file);
	anon_test_defer_fput(test, *file);
	return race_party(test, race_put, obj);
}

/* Who finds an object while its last reference goes has one that is whole. */
static void anon_object_test_find_amid_put(struct kunit *test)
{
	struct file *file;
	struct race_party *putter = race_putter(test, &file);
	struct anon_object *obj = putter->obj;

	race_stop(test, putter, "fput", false);
	KUNIT_EXPECT_PTR_EQ(test, anon_object_from_file(file), obj);
	KUNIT_EXPECT_EQ(test, race_finish(test, putter), 0);
	anon_test_drain();
	KUNIT_EXPECT_PTR_EQ(test, obj->file, file);
	KUNIT_EXPECT_EQ(test, refcount_read(&obj->refs), 1);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, RACE_SIZE));
	/* What has been found is put as what has been created would be */
	anon_test_fput(test, file);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, RACE_SIZE));
}

#ifdef CONFIG_SMP
/*
 * Under its lock an object is found, while another waits there to put the last
 * reference.  The lock does not tell that somebody waits, for that of a guest
 * is simple; but it is no long way there.
 */
static void race_find_locked(struct anon_object *obj, struct race_party *putter)
{
	unsigned long flags;
	int i;

	raw_spin_lock_irqsave(&obj->lock, flags);
	race_start(putter);
	for (i = 0; i < 1000 && !READ_ONCE(putter->begun); i++)
		mdelay(1);
	mdelay(10);
	refcount_inc(&obj->refs);
	raw_spin_unlock_irqrestore(&obj->lock, flags);
}

/* The last reference no longer is the last, once there is another. */
static void anon_object_test_find_before_put(struct kunit *test)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask,
					   raw_smp_processor_id());
	struct race_party *putter;
	struct anon_object *obj;
	struct file *file, *own;

	if (cpu >= nr_cpu_ids)
		kunit_skip(test, "only one processor");
	putter = race_putter(test, &file);
	obj = putter->obj;
	own = obj->file;
	kthread_bind(putter->task, cpu);
	race_find_locked(obj, putter);
	KUNIT_EXPECT_EQ(test, race_finish(test, putter), 0);
	KUNIT_EXPECT_PTR_EQ(test, obj->file, own);
	KUNIT_EXPECT_EQ(test, refcount_read(&obj->refs), 1);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, RACE_SIZE));
}
#endif

/* --- broken and moved ----------------------------------------------------- */

/* A page that breaks just before it is pinned is not pinned. */
static void anon_object_test_break_amid_pin(struct kunit *test)
{
	const struct race_place *place = test->param_value;
	struct anon_object *obj = anon_test_object(test, RACE_SIZE);
	struct race_party *pinner = race_pinner(test, obj);
	struct folio *folio;

	race_stop(test, pinner, place->symbol, place->after);
	folio = filemap_get_folio(anon_test_inode(obj)->i_mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	anon_test_break(test, &folio->page);
	folio_put(folio);
	KUNIT_EXPECT_EQ(test, race_finish(test, pinner), -EIO);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(folio));
}

#ifdef CONFIG_MEMORY_FAILURE
static int race_fail_memory(struct race_party *party)
{
	return memory_failure(party->pfn, MF_SW_SIMULATED);
}

/* A pin waits for who deals with a memory error, and does not have the page. */
static void anon_object_test_pin_amid_failure(struct kunit *test)
{
	struct race_party *breaker, *pinner;
	struct anon_object *obj;
	struct folio *folio;

	obj = anon_test_create(test, &(struct anon_object_attrs) {
		.name = "kunit",
		.size = RACE_SIZE,
		.huge = ANON_OBJECT_HUGE_NEVER,
	});
	anon_test_fill(test, obj);
	breaker = race_party(test, race_fail_memory, obj);
	pinner = race_pinner(test, obj);
	folio = filemap_get_folio(anon_test_inode(obj)->i_mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	breaker->pfn = folio_pfn(folio);
	folio_put(folio);

	race_stop(test, breaker, "folio_wait_writeback", false);
	race_start(pinner);
	KUNIT_EXPECT_TRUE(test, race_waits(pinner));
	KUNIT_EXPECT_EQ(test, race_finish(test, breaker), 0);
	KUNIT_EXPECT_EQ(test, race_finish(test, pinner), -EIO);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, PAGE_SIZE,
						RACE_SIZE - PAGE_SIZE));
	/* What the object does not have any more can be healed */
	anon_test_put(test, obj);
	unpoison_memory(breaker->pfn);
}
#endif

/* What has been moved to be pinned is low, is the object's, and has it all */
static void race_check_moved(struct kunit *test, struct race_party *pinner)
{
	KUNIT_EXPECT_FALSE(test, anon_test_is_high(pinner->pages[0]));
	KUNIT_EXPECT_TRUE(test, race_is_current(pinner));
	KUNIT_EXPECT_TRUE(test, anon_test_page_holds(test, pinner->pages[0],
						     0));
}

/*
 * Who pins the first page of an object, which has come by mistake to where it
 * cannot be pinned
 */
static struct race_party *race_misplaced(struct kunit *test)
{
	struct race_party *mover;
	struct anon_object *obj;

	anon_test_need_high(test);
	obj = anon_test_object(test, RACE_SIZE);
	anon_test_fill(test, obj);
	mover = race_pinner(test, obj);
	KUNIT_ASSERT_EQ(test, race_pin(mover), 0);
	race_unpin(mover);
	if (!anon_test_is_high(mover->pages[0]))
		kunit_skip(test, "no memory above 4 GiB");
	mapping_set_gfp_mask(anon_test_inode(obj)->i_mapping, ANON_TEST_LOW);
	return mover;
}

/* A pin waits for who moves the folio, which would fail if it had a reference */
static void anon_object_test_pin_amid_move(struct kunit *test)
{
	struct race_party *mover = race_misplaced(test);
	struct anon_object *obj = mover->obj;
	struct race_party *pinner = race_pinner(test, obj);

	race_stop(test, mover, "migrate_folio", false);
	race_start(pinner);
	KUNIT_EXPECT_TRUE(test, race_waits(pinner));
	KUNIT_ASSERT_EQ(test, race_finish(test, mover), 0);
	KUNIT_ASSERT_EQ(test, race_finish(test, pinner), 0);

	race_check_moved(test, pinner);
	race_check_moved(test, mover);
	race_unpin(pinner);
	race_unpin(mover);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, RACE_SIZE));
}

/* The folio of the first page, with a reference */
static struct folio *race_look(struct kunit *test, struct anon_object *obj)
{
	struct folio *folio;

	folio = filemap_get_folio(anon_test_inode(obj)->i_mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	return folio;
}

/* What somebody else looks at when it is to be moved is moved a little later. */
static void anon_object_test_move_amid_reference(struct kunit *test)
{
	struct race_party *mover = race_misplaced(test);
	struct anon_object *obj = mover->obj;
	struct folio *folio = race_look(test, obj);

	race_stop(test, mover, "putback_movable_pages", false);
	KUNIT_EXPECT_TRUE(test, race_is_current(mover));
	folio_put(folio);
	KUNIT_ASSERT_EQ(test, race_finish(test, mover), 0);

	race_check_moved(test, mover);
	race_unpin(mover);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, RACE_SIZE));
}

/* And if that goes on, the pin has failed. */
static void anon_object_test_move_referenced(struct kunit *test)
{
	struct race_party *mover = race_misplaced(test);
	struct anon_object *obj = mover->obj;
	struct folio *folio = race_look(test, obj);

	race_start(mover);
	KUNIT_EXPECT_EQ(test, race_finish(test, mover), -ENOMEM);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	folio_put(folio);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, RACE_SIZE));
}

static struct kunit_case anon_object_race_cases[] = {
	KUNIT_CASE_PARAM(anon_object_test_purge_amid_fallocate,
			 race_add_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_purge_amid_pin, race_add_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_amid_purge,
			 race_empty_gen_params),
	KUNIT_CASE(anon_object_test_purge_volatile),
	KUNIT_CASE_PARAM(anon_object_test_pin_amid_punch,
			 race_punch_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_punch_amid_pin, race_get_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_truncate_amid_pin,
			 race_get_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_pin_amid_truncate,
			 race_truncate_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_resize_amid_write,
			 race_write_gen_params),
	KUNIT_CASE(anon_object_test_resize_amid_pin),
	KUNIT_CASE_PARAM(anon_object_test_pin_amid_swap_out,
			 race_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_swap_out_amid_unpin,
			 race_shmem_gen_params),
	KUNIT_CASE(anon_object_test_unpin_amid_swap_in),
	KUNIT_CASE_PARAM(anon_object_test_find_amid_put,
			 anon_test_backend_gen_params),
#ifdef CONFIG_SMP
	KUNIT_CASE_PARAM(anon_object_test_find_before_put,
			 anon_test_backend_gen_params),
#endif
	KUNIT_CASE_PARAM(anon_object_test_break_amid_pin, race_get_gen_params),
#ifdef CONFIG_MEMORY_FAILURE
	KUNIT_CASE(anon_object_test_pin_amid_failure),
#endif
	KUNIT_CASE_PARAM(anon_object_test_pin_amid_move,
			 race_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_move_amid_reference,
			 race_shmem_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_move_referenced,
			 race_shmem_gen_params),
	{}
};

static struct kunit_suite anon_object_race_suite = {
	.name = "anon_object_race",
	.init = anon_test_init,
	.test_cases = anon_object_race_cases,
};

kunit_test_suite(anon_object_race_suite);
