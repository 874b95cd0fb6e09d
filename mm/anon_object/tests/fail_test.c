// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: each call with the first allocation failing
 * that it makes, then only the second, and so on until all have failed.
 *
 * What it returns is success, or an error that its documentation names.  Either
 * way the object has what it had, and nothing is left of the call.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/iosys-map.h>
#include <linux/llist.h>
#include <linux/mman.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/swap.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "../internal.h"
#include "test.h"

#ifdef CONFIG_FAULT_INJECTION

KUNIT_ARRAY_PARAM_DESC(anon_test_backend, anon_test_backends, desc);

/* Where the kernel checks itself, that takes memory wherever it is done */
#define FAIL_CHECKS_ALLOCATE	(IS_ENABLED(CONFIG_KASAN) ||		\
				 IS_ENABLED(CONFIG_DEBUG_OBJECTS) ||	\
				 IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))

/* More allocations than this no call makes */
#define FAIL_MOST	3000

/* What the object has when it is called, and so where the memory is from */
enum fail_state {
	FAIL_EMPTY,
	FAIL_RESIDENT,
	FAIL_SWAPPED,
	FAIL_STATES,
};

struct fail_run {
	struct kunit *test;
	enum fail_state state;
	struct anon_object *obj;
	struct anon_object *other;
	size_t size;
	struct page **pages;
	struct sg_table sgt;
	struct anon_object_map map;
	struct file *file;
	u8 *buf;
	int fd;
};

/*
 * @call: returns 0 or an error
 * @undo: what a success asks for
 * @errors: those that are documented, with a 0 at the end; NULL for a call that
 *	does not allocate
 * @drops: the object has nothing afterwards
 * @swaps: it only allocates where there is swap
 */
struct fail_call {
	int (*call)(struct fail_run *run);
	void (*undo)(struct fail_run *run);
	const int *errors;
	bool drops;
	bool swaps;
};

static const int fail_nomem[] = { -ENOMEM, 0 };
/* It allocates, but want of memory is no error of its */
static const int fail_none[] = { 0 };

/* --- what has to be as it was ------------------------------------------------ */

struct fail_counts {
	long committed;
	long swap_pages;
	long shmem;
	long unevictable;
	long pins;
	long huge_free;
	long huge_reserved;
};

/* With what processors have not added up yet */
static long fail_node_state(enum node_stat_item item)
{
	long state = global_node_page_state(item);
	int node, cpu;

	for_each_online_node(node)
		for_each_online_cpu(cpu)
			state += per_cpu_ptr(NODE_DATA(node)->per_cpu_nodestats,
					     cpu)->vm_node_stat_diff[item];
	return state;
}

static void fail_count(struct fail_run *run, struct fail_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->committed = vm_memory_committed();
	counts->swap_pages = get_nr_swap_pages();
	counts->shmem = fail_node_state(NR_SHMEM);
	counts->unevictable = fail_node_state(NR_UNEVICTABLE);
	counts->pins = fail_node_state(NR_FOLL_PIN_ACQUIRED) -
		       fail_node_state(NR_FOLL_PIN_RELEASED);
#ifdef CONFIG_HUGETLBFS
	if (anon_test_is_hugetlb(run->test)) {
		struct hstate *h = anon_test_hstate(run->test);

		counts->huge_free = h->free_huge_pages;
		counts->huge_reserved = h->resv_huge_pages;
	}
#endif
}

/* Less than an object's; a process may have come, or some file of tmpfs */
#define FAIL_NOISE	8

static bool fail_left(const struct fail_counts *before,
		      const struct fail_counts *now)
{
	return now->committed > before->committed + FAIL_NOISE ||
	       now->shmem > before->shmem + FAIL_NOISE ||
	       now->swap_pages < before->swap_pages ||
	       now->unevictable > before->unevictable ||
	       now->pins != before->pins ||
	       now->huge_free < before->huge_free ||
	       now->huge_reserved > before->huge_reserved;
}

/* What is being written to swap has its slot until that is done */
static void fail_expect_counts(struct fail_run *run,
			       const struct fail_counts *before,
			       unsigned int nth)
{
	struct fail_counts now;
	int i;

	for (i = 0; i < 250; i++) {
		anon_test_drain();
		fail_count(run, &now);
		if (!fail_left(before, &now))
			return;
		msleep(20);
	}
	KUNIT_FAIL(run->test,
		   "allocation %u, state %d left committed %ld, swap %ld, shmem %ld, unevictable %ld, pins %ld, huge %ld, reserved %ld",
		   nth, run->state, now.committed - before->committed,
		   before->swap_pages - now.swap_pages,
		   now.shmem - before->shmem,
		   now.unevictable - before->unevictable,
		   now.pins - before->pins,
		   before->huge_free - now.huge_free,
		   now.huge_reserved - before->huge_reserved);
}

/* --- how a call is run ------------------------------------------------------- */

/* A failure that a task asks for counts only where debugfs says so */
static void fail_need_faults(struct kunit *test)
{
	struct page *page;
	void *slab;

	current->fail_nth = 1;
	slab = kmalloc(1, GFP_KERNEL);
	kfree(slab);
	current->fail_nth = 1;
	page = alloc_page(GFP_HIGHUSER);
	if (page)
		__free_page(page);
	current->fail_nth = 0;
	if (slab || page)
		kunit_skip(test, "failslab and fail_page_alloc ignore gfp-wait");
}

static struct anon_object_attrs fail_attrs(struct fail_run *run)
{
	const struct anon_test_backend *param = run->test->param_value;

	return (struct anon_object_attrs) {
		.name = "kunit-fail",
		.size = run->size,
		.backend = param->backend,
		.huge = param->huge,
	};
}

/*
 * Small folios and a large one, where there are such.  For hugetlb a page, and
 * another for what is made beside it.
 */
static void fail_init(struct kunit *test, struct fail_run *run)
{
	memset(run, 0, sizeof(*run));
	run->test = test;
	run->size = SZ_32K + SZ_16K;
	if (anon_test_is_hugetlb(test)) {
		run->size = huge_page_size(anon_test_hstate(test));
		if (run->size > SZ_4M)
			kunit_skip(test, "huge pages are too large");
		anon_test_pool(test, 2);
	}
	run->buf = anon_test_buffer(test, run->size);
	run->pages = kunit_kcalloc(test, run->size >> PAGE_SHIFT,
				   sizeof(*run->pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, run->pages);
	fail_need_faults(test);
}

static void fail_swap(struct fail_run *run)
{
	KUNIT_ASSERT_EQ(run->test, anon_test_swap_out(run->obj, run->size),
			run->size);
}

static void fail_prepare(struct fail_run *run, enum fail_state state)
{
	struct anon_object_attrs attrs = fail_attrs(run);
	struct kunit *test = run->test;

	run->state = state;
	run->obj = anon_test_create(test, &attrs);
	if (state != FAIL_EMPTY)
		anon_test_fill(test, run->obj);
	if (state == FAIL_SWAPPED)
		fail_swap(run);
}

/* Does what goes to swap leave memory at once, as with zram? */
static bool fail_can_swap(struct fail_run *run)
{
	long cached;
	bool gone;

	if (anon_test_is_hugetlb(run->test) || !anon_test_has_swap())
		return false;
	cached = fail_node_state(NR_SWAPCACHE);
	fail_prepare(run, FAIL_SWAPPED);
	gone = fail_node_state(NR_SWAPCACHE) <= cached;
	anon_test_put(run->test, run->obj);
	return gone;
}

static bool fail_is_documented(const struct fail_call *call, int err)
{
	const int *error;

	for (error = call->errors; error && *error; error++)
		if (*error == err)
			return true;
	return false;
}

/* What has been written, or else nothing, where there was nothing before */
static bool fail_is_whole(struct fail_run *run)
{
	loff_t pos;

	if (run->state != FAIL_EMPTY)
		return anon_test_holds(run->test, run->obj, 0, run->size);
	for (pos = 0; pos < run->size; pos += PAGE_SIZE)
		if (!anon_test_zero(run->test, run->obj, pos, PAGE_SIZE) &&
		    !anon_test_holds(run->test, run->obj, pos, PAGE_SIZE))
			return false;
	return true;
}

/* Returns whether the allocation was one that there is */
static bool fail_nth(struct fail_run *run, const struct fail_call *call,
		     enum fail_state state, unsigned int nth)
{
	struct kunit *test = run->test;
	struct fail_counts before;
	bool failed;
	int err;

	fail_count(run, &before);
	fail_prepare(run, state);

	current->fail_nth = nth;
	err = call->call(run);
	failed = !current->fail_nth;
	current->fail_nth = 0;

	if (err)
		KUNIT_EXPECT_TRUE_MSG(test, fail_is_documented(call, err),
				      "allocation %u, state %d: %d", nth, state,
				      err);
	if (err)
		KUNIT_EXPECT_TRUE(test, failed);
	else if (call->undo)
		call->undo(run);

	KUNIT_EXPECT_EQ(test, anon_test_pinned(run->obj), 0);
	KUNIT_EXPECT_FALSE(test,
			   mapping_unevictable(anon_object_mapping(run->obj)));
	if (!call->drops)
		KUNIT_EXPECT_TRUE_MSG(test, fail_is_whole(run),
				      "allocation %u, state %d", nth, state);
	anon_test_put(test, run->obj);
	fail_expect_counts(run, &before, nth);
	return failed;
}

static void fail_each(struct kunit *test, const struct fail_call *call)
{
	enum fail_state state;
	struct fail_run run;
	unsigned int nth, nr = 0;
	bool can_swap;

	fail_init(test, &run);
	can_swap = fail_can_swap(&run);
	if (call->swaps && !can_swap)
		kunit_skip(test, "swap is not synchronous");
	for (state = 0; state < FAIL_STATES; state++) {
		if (state == FAIL_SWAPPED && !can_swap)
			continue;
		for (nth = 1; fail_nth(&run, call, state, nth); nth++)
			KUNIT_ASSERT_LT(test, nth, FAIL_MOST);
		nr += nth - 1;
	}
	kunit_info(test, "%u allocations failed\n", nr);
	if (call->errors)
		KUNIT_EXPECT_GT(test, nr, 0);
	else if (!FAIL_CHECKS_ALLOCATE)
		KUNIT_EXPECT_EQ(test, nr, 0);
}

/* --- the calls: making them and looking at them ------------------------------ */

static int fail_call_create(struct fail_run *run)
{
	struct anon_object_attrs attrs = fail_attrs(run);

	run->other = anon_object_create(&attrs);
	return PTR_ERR_OR_ZERO(run->other);
}

static void fail_undo_create(struct fail_run *run)
{
	anon_object_put(run->other);
}

static void anon_object_test_fail_create(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -ENOSPC, 0 };
	static const struct fail_call call = {
		.call = fail_call_create,
		.undo = fail_undo_create,
		.errors = errors,
	};

	fail_each(test, &call);
}

static int fail_call_file(struct fail_run *run)
{
	run->file = anon_object_file(run->obj);
	return PTR_ERR_OR_ZERO(run->file);
}

static void fail_undo_file(struct fail_run *run)
{
	fput(run->file);
}

static void anon_object_test_fail_file(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_file,
		.undo = fail_undo_file,
		.errors = fail_nomem,
	};

	fail_each(test, &call);
}

/* What says that it takes spinlocks only, and nothing else */
static int fail_call_quiet(struct fail_run *run)
{
	struct anon_object_stat stat;
	unsigned int nth = current->fail_nth;
	struct file *file;

	/* Making it is not what is tried here */
	current->fail_nth = 0;
	file = anon_test_file(run->test, run->obj);
	current->fail_nth = nth;
	anon_object_put(anon_object_from_file(file));
	anon_test_fput(run->test, file);
	anon_object_put(anon_object_get(run->obj));
	anon_object_get_stat(run->obj, &stat);
	return anon_object_size(run->obj) == run->size ? 0 : -EIO;
}

static void anon_object_test_fail_quiet(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_quiet,
	};

	fail_each(test, &call);
}

static int fail_call_lock(struct fail_run *run)
{
	int err = anon_object_lock(run->obj, current_ucounts());

	if (err)
		return err == -EOPNOTSUPP ? 0 : err;
	anon_object_unlock(run->obj, current_ucounts());
	anon_object_move_evictable(run->obj);
	return 0;
}

static void anon_object_test_fail_lock(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_lock,
	};

	fail_each(test, &call);
}

/* --- pins -------------------------------------------------------------------- */

static int fail_call_pin_pages(struct fail_run *run)
{
	return anon_object_pin_pages(run->obj, 0, run->size, run->pages);
}

static void fail_undo_pin_pages(struct fail_run *run)
{
	anon_object_unpin_pages(run->obj, run->pages, run->size >> PAGE_SHIFT,
				ANON_OBJECT_DIRTY);
}

static void anon_object_test_fail_pin_pages(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_pin_pages,
		.undo = fail_undo_pin_pages,
		.errors = fail_nomem,
	};

	fail_each(test, &call);
}

static int fail_call_pin_part(struct fail_run *run)
{
	return anon_object_pin_pages(run->obj, PAGE_SIZE, SZ_16K, run->pages);
}

static void fail_undo_pin_part(struct fail_run *run)
{
	anon_object_unpin_pages(run->obj, run->pages, SZ_16K >> PAGE_SHIFT,
				ANON_OBJECT_DIRTY | ANON_OBJECT_ACCESSED);
}

static void anon_object_test_fail_pin_part(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_pin_part,
		.undo = fail_undo_pin_part,
		.errors = fail_nomem,
	};

	fail_each(test, &call);
}

/* An entry a page, and for hugetlb more than a page of them */
static int fail_call_pin_sgt(struct fail_run *run)
{
	return anon_object_pin_sgt(run->obj, 0, run->size, PAGE_SIZE,
				   &run->sgt);
}

static void fail_undo_pin_sgt(struct fail_run *run)
{
	anon_object_unpin_sgt(run->obj, &run->sgt, ANON_OBJECT_DIRTY);
}

static void anon_object_test_fail_pin_sgt(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_pin_sgt,
		.undo = fail_undo_pin_sgt,
		.errors = fail_nomem,
	};

	fail_each(test, &call);
}

static int fail_call_vmap(struct fail_run *run)
{
	return anon_object_vmap(run->obj, 0, run->size, PAGE_KERNEL,
				&run->map);
}

static void fail_undo_vmap(struct fail_run *run)
{
	anon_object_vunmap(run->obj, &run->map, ANON_OBJECT_DIRTY);
	/* The addresses, and with them their tables, are freed later */
	vm_unmap_aliases();
}

static void anon_object_test_fail_vmap(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_vmap,
		.undo = fail_undo_vmap,
		.errors = fail_nomem,
	};

	fail_each(test, &call);
}

/* An unpin allocates nothing, whatever the pin was. */
static int fail_call_unpin(struct fail_run *run)
{
	unsigned int nth = current->fail_nth;
	int err;

	current->fail_nth = 0;
	err = fail_call_pin_pages(run) ?: fail_call_pin_sgt(run) ?:
	      fail_call_vmap(run);
	current->fail_nth = nth;
	if (err)
		return err;
	anon_object_vunmap(run->obj, &run->map, ANON_OBJECT_DIRTY);
	fail_undo_pin_sgt(run);
	fail_undo_pin_pages(run);
	return 0;
}

static void anon_object_test_fail_unpin(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_unpin,
	};

	fail_each(test, &call);
}

/* --- reading and writing ----------------------------------------------------- */

static int fail_call_read(struct fail_run *run)
{
	return anon_object_read(run->obj, 0, run->buf, run->size);
}

/* Holes stay holes, and what is in memory takes none */
static void anon_object_test_fail_read(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_read,
		.errors = fail_nomem,
		.swaps = true,
	};
	static const struct fail_call quiet = {
		.call = fail_call_read,
	};

	fail_each(test, anon_test_is_hugetlb(test) ? &quiet : &call);
}

static int fail_call_write(struct fail_run *run)
{
	anon_test_pattern(run->buf, 0, run->size);
	return anon_object_write(run->obj, 0, run->buf, run->size);
}

static void anon_object_test_fail_write(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_write,
		.errors = fail_nomem,
	};

	fail_each(test, &call);
}

/* What is said to have been written has been, in whole pages */
static int fail_call_write_part(struct fail_run *run)
{
	struct kvec kvec = { .iov_base = run->buf, .iov_len = run->size };
	struct iov_iter iter;
	ssize_t ret;

	anon_test_pattern(run->buf, 0, run->size);
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, run->size);
	ret = anon_object_write_iter_gfp(run->obj, 0, &iter,
					 GFP_KERNEL | __GFP_NORETRY |
					 __GFP_NOWARN);
	if (ret <= 0 || ret == run->size)
		return min(ret, 0);
	if (!IS_ALIGNED(ret, PAGE_SIZE) ||
	    !anon_test_holds(run->test, run->obj, 0, ret))
		return -EUCLEAN;
	return -ENOMEM;
}

static void anon_object_test_fail_write_part(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_write_part,
		.errors = fail_nomem,
	};

	fail_each(test, &call);
}

static int fail_call_folio(struct fail_run *run)
{
	loff_t pos;

	for (pos = 0; pos < run->size; pos += PAGE_SIZE) {
		struct folio *folio;

		folio = anon_object_find_folio(run->obj, pos) ?:
			anon_object_get_folio(run->obj, pos);
		if (IS_ERR(folio))
			return PTR_ERR(folio);
		folio_unlock(folio);
		folio_put(folio);
	}
	return 0;
}

static void anon_object_test_fail_folio(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_folio,
		.errors = fail_nomem,
	};

	fail_each(test, &call);
}

static int fail_call_write_map(struct fail_run *run)
{
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(run->buf);

	anon_test_pattern(run->buf, 0, run->size);
	return anon_object_write_map(run->obj, 0, &map, 0, run->size) ?:
	       anon_object_read_map(run->obj, 0, &map, 0, run->size);
}

static void anon_object_test_fail_write_map(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_write_map,
		.errors = fail_nomem,
	};

	fail_each(test, &call);
}

/* --- swap, and giving memory back -------------------------------------------- */

static int fail_call_prefetch(struct fail_run *run)
{
	int err = anon_object_prefetch(run->obj, 0, run->size);

	return err == -EOPNOTSUPP ? 0 : err;
}

static void anon_object_test_fail_prefetch(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_prefetch,
		.errors = fail_nomem,
		.swaps = true,
	};

	fail_each(test, &call);
}

/* What cannot be written for want of memory stays */
static int fail_call_swap_out(struct fail_run *run)
{
	long ret = anon_object_swap_out(run->obj, 0, run->size);

	return ret < 0 ? ret : 0;
}

static void anon_object_test_fail_swap_out(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_swap_out,
		.errors = fail_none,
		.swaps = true,
	};

	fail_each(test, &call);
}

static int fail_call_truncate(struct fail_run *run)
{
	return anon_object_truncate_range(run->obj, 0, run->size);
}

static void anon_object_test_fail_truncate(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_truncate,
		.drops = true,
	};

	fail_each(test, &call);
}

static int fail_call_punch(struct fail_run *run)
{
	return anon_object_punch(run->obj, 0, run->size);
}

static void anon_object_test_fail_punch(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_punch,
		.drops = true,
	};

	fail_each(test, &call);
}

static int fail_call_punch_part(struct fail_run *run)
{
	int err = anon_object_punch(run->obj, 1, run->size - 2);
	unsigned int nth = current->fail_nth;

	current->fail_nth = 0;
	if (!err)
		KUNIT_EXPECT_TRUE(run->test, anon_test_zero(run->test, run->obj,
							    1, run->size - 2));
	current->fail_nth = nth;
	return err;
}

/* What could not be read from swap, to be cleared, has not been cleared */
static void anon_object_test_fail_punch_part(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_punch_part,
		.errors = fail_nomem,
		.drops = true,
		.swaps = true,
	};
	static const struct fail_call quiet = {
		.call = fail_call_punch_part,
		.drops = true,
	};

	fail_each(test, anon_test_is_hugetlb(test) ? &quiet : &call);
}

static int fail_call_purge(struct fail_run *run)
{
	return anon_object_purge(run->obj);
}

static void anon_object_test_fail_purge(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_purge,
		.drops = true,
	};

	fail_each(test, &call);
}

/* Growing is a matter of accounts; for hugetlb, of reservations there are. */
static int fail_call_resize(struct fail_run *run)
{
	struct anon_object_attrs attrs = fail_attrs(run);
	unsigned int nth = current->fail_nth;
	int err;

	current->fail_nth = 0;
	attrs.flags = ANON_OBJECT_RESIZABLE;
	attrs.size = 0;
	run->other = anon_object_create(&attrs);
	if (IS_ERR(run->other))
		return PTR_ERR(run->other);
	current->fail_nth = nth;
	err = anon_object_resize(run->other, run->size) ?:
	      anon_object_resize(run->other, 0);
	anon_object_put(run->other);
	return err;
}

static void anon_object_test_fail_resize(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_resize,
	};

	fail_each(test, &call);
}

/* --- views ------------------------------------------------------------------- */

static const struct anon_view_attrs fail_view_attrs = {
	.flags = O_RDWR,
};

static int fail_call_view(struct fail_run *run)
{
	run->file = anon_object_view(run->obj, &fail_view_attrs);
	return PTR_ERR_OR_ZERO(run->file);
}

static void fail_undo_view(struct fail_run *run)
{
	fput(run->file);
	anon_test_drain();
}

static void anon_object_test_fail_view(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -ENFILE, 0 };
	static const struct fail_call call = {
		.call = fail_call_view,
		.undo = fail_undo_view,
		.errors = errors,
	};

	fail_each(test, &call);
}

/* At a number for which the table has to grow, and in memory that is mapped */
static int fail_call_map(struct fail_run *run)
{
	unsigned int nth = current->fail_nth;
	unsigned long addr, left = 0;
	int err;

	current->fail_nth = 0;
	err = fail_call_view(run);
	if (err)
		return err;
	current->fail_nth = nth;
	addr = vm_mmap(run->file, 0, run->size, PROT_READ | PROT_WRITE,
		       MAP_SHARED, 0);
	if (IS_ERR_VALUE(addr)) {
		err = addr;
	} else {
		anon_test_pattern(run->buf, 0, run->size);
		left = copy_to_user((void __user *)addr, run->buf, run->size);
		nth = current->fail_nth;
		current->fail_nth = 0;
		vm_munmap(addr, run->size);
		current->fail_nth = nth;
		if (left)
			err = -EFAULT;
	}
	fput(run->file);
	return err;
}

static void anon_object_test_fail_map(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -EFAULT, 0 };
	static const struct fail_call call = {
		.call = fail_call_map,
		.errors = errors,
	};

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	fail_each(test, &call);
}

/* --- what is asked of the owner ---------------------------------------------- */

static void fail_shrink(struct anon_object *obj, unsigned long nr_pages);

static const struct anon_object_ops fail_shrink_ops = {
	.shrink = fail_shrink,
};

static void fail_shrink(struct anon_object *obj, unsigned long nr_pages)
{
	unsigned int *calls = anon_object_private(obj, &fail_shrink_ops);

	++*calls;
}

/* Where a large folio is not to be had for it, what is in swap does without. */
static void anon_object_test_fail_large_entry(struct kunit *test)
{
	unsigned int calls = 0, nth;
	struct anon_object_attrs attrs = {
		.name = "kunit-fail",
		.size = SZ_64K,
		.huge = ANON_OBJECT_HUGE_WITHIN_SIZE,
		.ops = &fail_shrink_ops,
		.private = &calls,
	};
	long cached = fail_node_state(NR_SWAPCACHE);
	struct anon_object *obj;
	struct page **pages;
	bool failed;

	fail_need_faults(test);
	anon_test_need_swap(test);
	for (nth = 1, failed = true; failed; nth++) {
		obj = anon_test_create(test, &attrs);
		anon_test_fill(test, obj);
		KUNIT_ASSERT_EQ(test, anon_test_swap_out(obj, SZ_64K), SZ_64K);
		if (fail_node_state(NR_SWAPCACHE) > cached)
			kunit_skip(test, "swap is not synchronous");
		if (!xa_get_order(&anon_object_mapping(obj)->i_pages, 0))
			kunit_skip(test, "no large folios in swap");
		pages = anon_test_pages(test, obj);

		current->fail_nth = nth;
		KUNIT_EXPECT_EQ(test, anon_object_pin_pages(obj, 0, SZ_64K,
							    pages), 0);
		failed = !current->fail_nth;
		current->fail_nth = 0;

		KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));
		anon_object_unpin_pages(obj, pages, SZ_64K >> PAGE_SHIFT, 0);
		anon_test_put(test, obj);
	}
	KUNIT_EXPECT_GT(test, nth, 2);
	KUNIT_EXPECT_EQ(test, calls, 0);
}

/* --- objects without an inode ------------------------------------------------ */

/* Where a large block is not to be had, two of half its size do as well. */
static void anon_object_test_fail_block(struct kunit *test)
{
	const unsigned int order = 4;
	struct anon_pages pages;
	unsigned int nr = 0;
	struct page *page;
	bool failed;
	int err;

	fail_need_faults(test);
	current->fail_nth = 1;
	err = anon_pages_embed(&pages, PAGE_SIZE << order, 0, 0);
	failed = !current->fail_nth;
	current->fail_nth = 0;
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_EXPECT_TRUE(test, failed);

	llist_for_each_entry(page, pages.blocks, pcp_llist) {
		KUNIT_EXPECT_EQ(test, page_private(page), order - 1);
		nr++;
	}
	KUNIT_EXPECT_EQ(test, nr, 2);
	KUNIT_EXPECT_EQ(test, anon_test_resident(&pages.obj),
			PAGE_SIZE << order);
	anon_object_put(&pages.obj);
}

/* Blocks of several sizes, and entries for more than a page of them */
#define FAIL_PAGES	((128 + 64 + 8 + 1) * PAGE_SIZE)

static void fail_pages_each(struct kunit *test, const struct fail_call *call)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit-fail",
		.size = FAIL_PAGES,
		.backend = ANON_OBJECT_PAGES,
		.gfp = GFP_KERNEL_ACCOUNT,
		.flags = ANON_OBJECT_VOLATILE,
	};
	struct fail_run run = { .test = test, .size = FAIL_PAGES };
	unsigned int nth = 0, refused = 0;
	bool failed;
	int err;

	fail_need_faults(test);
	run.obj = anon_test_create(test, &attrs);
	run.pages = anon_test_pages(test, run.obj);
	do {
		current->fail_nth = ++nth;
		err = call->call(&run);
		failed = !current->fail_nth;
		current->fail_nth = 0;

		if (!err) {
			call->undo(&run);
		} else {
			KUNIT_EXPECT_EQ_MSG(test, err, -ENOMEM,
					    "allocation %u", nth);
			KUNIT_EXPECT_TRUE(test, failed);
			refused++;
		}
		KUNIT_EXPECT_EQ(test, anon_test_pinned(run.obj), 0);
		KUNIT_EXPECT_EQ(test, anon_test_resident(run.obj), 0);
		KUNIT_ASSERT_LT(test, nth, FAIL_MOST);
	} while (failed);
	kunit_info(test, "%u allocations failed, %u calls\n", nth - 1, refused);
	KUNIT_EXPECT_GT(test, refused, 0);
}

static int fail_call_create_pages(struct fail_run *run)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit-fail",
		.size = FAIL_PAGES,
		.backend = ANON_OBJECT_PAGES,
		.gfp = GFP_KERNEL_ACCOUNT,
	};

	run->other = anon_object_create(&attrs);
	if (IS_ERR(run->other))
		return PTR_ERR(run->other);
	KUNIT_EXPECT_EQ(run->test, anon_test_resident(run->other), FAIL_PAGES);
	return 0;
}

static void anon_object_test_fail_create_pages(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_create_pages,
		.undo = fail_undo_create,
	};

	fail_pages_each(test, &call);
}

static void anon_object_test_fail_pages_pages(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_pin_pages,
		.undo = fail_undo_pin_pages,
	};

	fail_pages_each(test, &call);
}

static void anon_object_test_fail_pages_sgt(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_pin_sgt,
		.undo = fail_undo_pin_sgt,
	};

	fail_pages_each(test, &call);
}

static void anon_object_test_fail_pages_vmap(struct kunit *test)
{
	static const struct fail_call call = {
		.call = fail_call_vmap,
		.undo = fail_undo_vmap,
	};

	fail_pages_each(test, &call);
}

static struct kunit_case anon_object_fail_cases[] = {
	KUNIT_CASE_PARAM(anon_object_test_fail_create,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_file,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_quiet,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_lock,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_pin_pages,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_pin_part,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_pin_sgt,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_vmap,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_unpin,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_read,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_write,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_write_part,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_folio,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_write_map,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_prefetch,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_swap_out,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_truncate,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_punch,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_punch_part,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_purge,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_resize,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_view,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_fail_map,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_fail_large_entry),
	KUNIT_CASE(anon_object_test_fail_block),
	KUNIT_CASE(anon_object_test_fail_create_pages),
	KUNIT_CASE(anon_object_test_fail_pages_pages),
	KUNIT_CASE(anon_object_test_fail_pages_sgt),
	KUNIT_CASE(anon_object_test_fail_pages_vmap),
	{}
};

static struct kunit_suite anon_object_fail_suite = {
	.name = "anon_object_fail",
	.init = anon_test_init,
	.test_cases = anon_object_fail_cases,
};

kunit_test_suite(anon_object_fail_suite);

#endif /* CONFIG_FAULT_INJECTION */
