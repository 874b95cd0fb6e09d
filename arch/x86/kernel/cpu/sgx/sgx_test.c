// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of where the pages of an enclave are while they are not in the EPC
 *
 * The enclave has a backing object and nothing in the EPC, and no ENCLS is
 * executed.  What EWB writes, and ELDU reads, is done by the tests themselves.
 */
#include <kunit/test.h>
#include <linux/anon_object.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include <asm/sgx.h>

#include "encl.h"
#include "sgx.h"

#define SGX_TEST_BASE		SZ_4G
#define SGX_TEST_SIZE		SZ_1M
#define SGX_TEST_SECS		(SGX_TEST_SIZE / PAGE_SIZE)
#define SGX_TEST_PAGES		(SGX_TEST_SECS + 1)
#define SGX_TEST_PER_PCMD_PAGE	(PAGE_SIZE / sizeof(struct sgx_pcmd))
#define SGX_TEST_PCMD_PAGES	DIV_ROUND_UP(SGX_TEST_PAGES,		\
					     SGX_TEST_PER_PCMD_PAGE)
#define SGX_TEST_BACKING	(SGX_TEST_PAGES + SGX_TEST_PCMD_PAGES)

/* The cgroup of who has loaded the module, for the tests are in the root's */
static struct mem_cgroup *sgx_test_memcg;

/* Where the backing pages are when they are wanted again */
static const struct sgx_test_state {
	const char *desc;
	bool swapped;
} sgx_test_states[] = {
	{ .desc = "resident" },
	{ .desc = "swapped", .swapped = true },
};

KUNIT_ARRAY_PARAM_DESC(sgx_test_state, sgx_test_states, desc);

/* --- the enclave -------------------------------------------------------------- */

static int sgx_test_suite_init(struct kunit_suite *suite)
{
	sgx_test_memcg = get_mem_cgroup_from_mm(current->mm);
	return 0;
}

static void sgx_test_suite_exit(struct kunit_suite *suite)
{
	mem_cgroup_put(sgx_test_memcg);
}

static int sgx_test_init(struct kunit *test)
{
	struct sgx_encl *encl;
	int ret;

	/* Folios that wait in another CPU's batches cannot be swapped out */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));

	encl = kzalloc_obj(*encl);
	KUNIT_ASSERT_NOT_NULL(test, encl);
	kref_init(&encl->refcount);
	xa_init(&encl->page_array);
	mutex_init(&encl->lock);
	INIT_LIST_HEAD(&encl->va_pages);
	INIT_LIST_HEAD(&encl->mm_list);
	spin_lock_init(&encl->mm_lock);
	encl->base = SGX_TEST_BASE;
	encl->size = SGX_TEST_SIZE;
	ret = init_srcu_struct(&encl->srcu);
	if (ret)
		goto err_encl;
	ret = sgx_inc_usage_count();
	if (ret)
		goto err_srcu;
	test->priv = encl;

	encl->backing = sgx_encl_create_backing(SGX_TEST_SIZE);
	if (IS_ERR(encl->backing))
		encl->backing = NULL;
	KUNIT_ASSERT_NOT_NULL(test, encl->backing);
	return 0;

err_srcu:
	cleanup_srcu_struct(&encl->srcu);
err_encl:
	kfree(encl);
	return ret;
}

static void sgx_test_release(struct kunit *test)
{
	struct sgx_encl *encl = test->priv;
	struct sgx_encl_page *page;
	unsigned long index;

	if (!encl)
		return;
	test->priv = NULL;
	xa_for_each(&encl->page_array, index, page)
		page->epc_page = NULL;
	kref_put(&encl->refcount, sgx_encl_release);
}

/* Have a backing of another size, which the enclave itself has not */
static void sgx_test_replace(struct kunit *test, unsigned long size)
{
	struct sgx_encl *encl = test->priv;
	struct anon_object *obj = sgx_encl_create_backing(size);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	anon_object_put(encl->backing);
	encl->backing = obj;
}

static void sgx_test_get(struct kunit *test, unsigned long index,
			 struct sgx_backing *backing)
{
	KUNIT_ASSERT_EQ(test, sgx_encl_get_backing(test->priv, index, backing),
			0);
}

/* --- what is in it ------------------------------------------------------------- */

static u64 sgx_test_word(unsigned long index, bool pcmd, size_t i)
{
	return hash_64((u64)index << 16 | pcmd << 15 | i, 64) | 1;
}

static void sgx_test_fill(u64 *to, size_t len, unsigned long index, bool pcmd)
{
	size_t i;

	for (i = 0; i < len / sizeof(*to); i++)
		to[i] = sgx_test_word(index, pcmd, i);
}

static bool sgx_test_filled(const u64 *from, size_t len, unsigned long index,
			    bool pcmd)
{
	size_t i;

	for (i = 0; i < len / sizeof(*from); i++)
		if (from[i] != sgx_test_word(index, pcmd, i))
			return false;
	return true;
}

/* As EWB does it: that pages are written to is for who gives them to know */
static void sgx_test_write(struct sgx_backing *backing, unsigned long index)
{
	void *contents = kmap_local_page(backing->contents);
	void *pcmd = kmap_local_page(backing->pcmd);

	sgx_test_fill(contents, PAGE_SIZE, index, false);
	sgx_test_fill(pcmd + backing->pcmd_offset, sizeof(struct sgx_pcmd),
		      index, true);
	kunmap_local(pcmd);
	kunmap_local(contents);
}

static bool sgx_test_holds(struct sgx_backing *backing, unsigned long index)
{
	void *contents = kmap_local_page(backing->contents);
	void *pcmd = kmap_local_page(backing->pcmd);
	bool holds;

	holds = sgx_test_filled(contents, PAGE_SIZE, index, false) &&
		sgx_test_filled(pcmd + backing->pcmd_offset,
				sizeof(struct sgx_pcmd), index, true);
	kunmap_local(pcmd);
	kunmap_local(contents);
	return holds;
}

static bool sgx_test_zero(struct page *page, size_t offset, size_t len)
{
	void *vaddr = kmap_local_page(page);
	bool zero = !memchr_inv(vaddr + offset, 0, len);

	kunmap_local(vaddr);
	return zero;
}

static void sgx_test_evict(struct kunit *test, unsigned long index)
{
	struct sgx_backing backing;

	sgx_test_get(test, index, &backing);
	sgx_test_write(&backing, index);
	sgx_encl_put_backing(&backing);
}

static void sgx_test_evict_all(struct kunit *test)
{
	unsigned long index;

	for (index = 0; index < SGX_TEST_PAGES; index++)
		sgx_test_evict(test, index);
}

/* Would these pages of the enclave be loaded as they have been evicted? */
static void sgx_test_expect(struct kunit *test, unsigned long start,
			    unsigned long end)
{
	struct sgx_backing backing;
	unsigned long index;
	bool holds;

	for (index = start; index < end; index++) {
		sgx_test_get(test, index, &backing);
		holds = sgx_test_holds(&backing, index);
		sgx_encl_put_backing(&backing);
		KUNIT_ASSERT_TRUE_MSG(test, holds, "page %lu", index);
	}
}

/* --- where it is --------------------------------------------------------------- */

static u64 sgx_test_resident(struct kunit *test)
{
	struct sgx_encl *encl = test->priv;
	struct anon_object_stat stat;

	anon_object_get_stat(encl->backing, &stat);
	return stat.resident >> PAGE_SHIFT;
}

static u64 sgx_test_swapped(struct kunit *test)
{
	struct sgx_encl *encl = test->priv;
	struct anon_object_stat stat;

	anon_object_get_stat(encl->backing, &stat);
	return stat.swapped >> PAGE_SHIFT;
}

/*
 * All that nobody has a reference to, so that @left pages are resident.  A folio
 * may be busy for a moment.
 */
static void sgx_test_swap_out(struct kunit *test, u64 left)
{
	struct sgx_encl *encl = test->priv;
	loff_t size = PAGE_ALIGN(anon_object_size(encl->backing));
	int i;

	if (get_nr_swap_pages() < SGX_TEST_BACKING)
		kunit_skip(test, "no swap device with room for an enclave");
	for (i = 0; i < 100; i++) {
		anon_object_swap_out(encl->backing, 0, size);
		if (sgx_test_resident(test) <= left)
			break;
		msleep(20);
	}
	KUNIT_ASSERT_EQ(test, sgx_test_resident(test), left);
}

/* As the test's parameter has it */
static void sgx_test_settle(struct kunit *test)
{
	const struct sgx_test_state *state = test->param_value;

	if (state->swapped)
		sgx_test_swap_out(test, 0);
}

static pgoff_t sgx_test_pcmd_page(unsigned long index)
{
	return SGX_TEST_PAGES + index / SGX_TEST_PER_PCMD_PAGE;
}

static bool sgx_test_is_hole(struct kunit *test, pgoff_t page)
{
	struct sgx_encl *encl = test->priv;
	struct folio *folio;

	folio = anon_object_find_folio(encl->backing, PFN_PHYS(page));
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	if (!folio)
		return true;
	folio_unlock(folio);
	folio_put(folio);
	return false;
}

/* As when a page has been loaded */
static void sgx_test_free(struct kunit *test, unsigned long index)
{
	struct sgx_backing backing;
	bool holds;

	sgx_test_get(test, index, &backing);
	holds = sgx_test_holds(&backing, index);
	sgx_encl_free_backing(test->priv, index, &backing);
	KUNIT_ASSERT_TRUE_MSG(test, holds, "page %lu", index);
}

/* --- the tests ----------------------------------------------------------------- */

/* Contents come first, then PCMDs, and each is in a place of its own. */
static void sgx_test_layout(struct kunit *test)
{
	struct sgx_backing backing;
	pgoff_t contents, pcmd;
	unsigned long index;
	bool large;

	for (index = 0; index < SGX_TEST_PAGES; index++) {
		sgx_test_get(test, index, &backing);
		contents = page_folio(backing.contents)->index;
		pcmd = page_folio(backing.pcmd)->index;
		large = folio_test_large(page_folio(backing.pcmd));
		sgx_test_write(&backing, index);
		sgx_encl_put_backing(&backing);

		KUNIT_ASSERT_EQ(test, contents, index);
		KUNIT_ASSERT_EQ(test, pcmd, sgx_test_pcmd_page(index));
		KUNIT_ASSERT_EQ(test, backing.pcmd_offset,
				index % SGX_TEST_PER_PCMD_PAGE *
				sizeof(struct sgx_pcmd));
		KUNIT_ASSERT_FALSE(test, large);
	}
	sgx_test_expect(test, 0, SGX_TEST_PAGES);
	KUNIT_EXPECT_EQ(test, sgx_test_resident(test), SGX_TEST_BACKING);
}

/* All of an enclave goes to swap, and comes back as it was. */
static void sgx_test_swap(struct kunit *test)
{
	sgx_test_evict_all(test);
	sgx_test_swap_out(test, 0);
	KUNIT_EXPECT_EQ(test, sgx_test_swapped(test), SGX_TEST_BACKING);
	sgx_test_expect(test, 0, SGX_TEST_PAGES);
	KUNIT_EXPECT_EQ(test, sgx_test_swapped(test), 0);
}

/*
 * What is written long after the page has been had gets to swap as well, though
 * there has been an attempt to swap it out meanwhile.
 */
static void sgx_test_swap_amid_write(struct kunit *test)
{
	struct sgx_backing backing;

	sgx_test_evict_all(test);
	sgx_test_swap_out(test, 0);
	sgx_test_get(test, 1, &backing);
	sgx_test_swap_out(test, 2);
	sgx_test_write(&backing, 1);
	sgx_encl_put_backing(&backing);
	sgx_test_swap_out(test, 0);
	sgx_test_expect(test, 0, SGX_TEST_PAGES);
}

/* With a page, only its contents and its PCMD go, and it can be evicted again. */
static void sgx_test_free_page(struct kunit *test)
{
	static const unsigned long freed[] = { 0, 77, SGX_TEST_SECS - 1 };
	struct sgx_backing backing;
	int i;

	sgx_test_evict_all(test);
	sgx_test_settle(test);
	for (i = 0; i < ARRAY_SIZE(freed); i++) {
		unsigned long index = freed[i];

		sgx_test_free(test, index);
		KUNIT_EXPECT_TRUE(test, sgx_test_is_hole(test, index));
		sgx_test_expect(test, 0, index);
		sgx_test_expect(test, index + 1, SGX_TEST_PAGES);
		KUNIT_EXPECT_EQ(test, sgx_test_resident(test),
				SGX_TEST_BACKING - 1);
		KUNIT_EXPECT_EQ(test, sgx_test_swapped(test), 0);

		sgx_test_settle(test);
		sgx_test_get(test, index, &backing);
		KUNIT_EXPECT_TRUE(test, sgx_test_zero(backing.contents, 0,
						      PAGE_SIZE));
		KUNIT_EXPECT_TRUE(test, sgx_test_zero(backing.pcmd,
						      backing.pcmd_offset,
						      sizeof(struct sgx_pcmd)));
		sgx_test_write(&backing, index);
		sgx_encl_put_backing(&backing);
		sgx_test_settle(test);
		sgx_test_expect(test, 0, SGX_TEST_PAGES);
	}
}

/* The last PCMD in a page takes it along, and nothing is left in the end. */
static void sgx_test_free_pcmds(struct kunit *test)
{
	unsigned long index;

	sgx_test_evict_all(test);
	sgx_test_settle(test);
	for (index = 0; index < SGX_TEST_PAGES; index++) {
		unsigned long next = index + 1;
		bool last = !(next % SGX_TEST_PER_PCMD_PAGE) ||
			    next == SGX_TEST_PAGES;

		sgx_test_free(test, index);
		KUNIT_ASSERT_EQ_MSG(test, last,
				    sgx_test_is_hole(test,
						     sgx_test_pcmd_page(index)),
				    "page %lu", index);
	}
	KUNIT_EXPECT_EQ(test, sgx_test_resident(test), 0);
	KUNIT_EXPECT_EQ(test, sgx_test_swapped(test), 0);
}

/*
 * An empty page of PCMDs stays while the reclaimer is about to write to it, and
 * goes when that has been undone.
 */
static void sgx_test_free_amid_reclaim(struct kunit *test)
{
	struct sgx_encl *encl = test->priv;
	unsigned long addr = encl->base + 5 * PAGE_SIZE;
	struct sgx_epc_page epc_page = {};
	struct sgx_backing backing;
	struct sgx_encl_page *page;

	sgx_test_evict(test, 4);
	page = kzalloc_obj(*page);
	KUNIT_ASSERT_NOT_NULL(test, page);
	page->desc = addr;
	if (xa_insert(&encl->page_array, PFN_DOWN(addr), page, GFP_KERNEL)) {
		kfree(page);
		KUNIT_FAIL_AND_ABORT(test, "no memory");
	}

	page->epc_page = &epc_page;
	page->desc |= SGX_ENCL_PAGE_BEING_RECLAIMED;
	sgx_test_get(test, 5, &backing);
	sgx_test_free(test, 4);
	KUNIT_EXPECT_FALSE(test, sgx_test_is_hole(test, sgx_test_pcmd_page(4)));
	sgx_test_write(&backing, 5);
	sgx_encl_put_backing(&backing);
	page->desc &= ~SGX_ENCL_PAGE_BEING_RECLAIMED;
	page->epc_page = NULL;

	sgx_test_expect(test, 5, 6);
	sgx_test_free(test, 5);
	KUNIT_EXPECT_TRUE(test, sgx_test_is_hole(test, sgx_test_pcmd_page(5)));
	KUNIT_EXPECT_EQ(test, sgx_test_resident(test), 0);
}

static struct mem_cgroup *sgx_test_charged(struct page *page)
{
	guard(rcu)();
	return folio_memcg_check(page_folio(page));
}

/* Whoever evicts a page or loads it, the creator of the enclave is charged. */
static void sgx_test_charge(struct kunit *test)
{
	struct mem_cgroup *old;
	struct sgx_backing backing;

	if (!sgx_test_memcg || mem_cgroup_is_root(sgx_test_memcg))
		kunit_skip(test, "not loaded from a memory cgroup");
	old = set_active_memcg(sgx_test_memcg);
	sgx_test_replace(test, SGX_TEST_SIZE);
	set_active_memcg(old);

	sgx_test_get(test, 0, &backing);
	KUNIT_EXPECT_PTR_EQ(test, sgx_test_charged(backing.contents),
			    sgx_test_memcg);
	KUNIT_EXPECT_PTR_EQ(test, sgx_test_charged(backing.pcmd),
			    sgx_test_memcg);
	sgx_encl_put_backing(&backing);

	sgx_test_swap_out(test, 0);
	sgx_test_get(test, 0, &backing);
	KUNIT_EXPECT_PTR_EQ(test, sgx_test_charged(backing.contents),
			    sgx_test_memcg);
	sgx_encl_put_backing(&backing);
}

/* What is not within the backing is an error, and leaves no reference. */
static void sgx_test_beyond(struct kunit *test)
{
	struct sgx_encl *encl = test->priv;
	struct sgx_backing backing;

	KUNIT_EXPECT_EQ(test, sgx_encl_get_backing(encl, SGX_TEST_BACKING,
						   &backing), -EINVAL);
	KUNIT_EXPECT_EQ(test, sgx_test_resident(test), 0);

	/* The contents of a page are there, its PCMD is not */
	encl->size = 2 * SGX_TEST_SIZE;
	KUNIT_EXPECT_EQ(test, sgx_encl_get_backing(encl, 0, &backing), -EINVAL);
	KUNIT_EXPECT_EQ(test, sgx_test_resident(test), 1);
	sgx_test_swap_out(test, 0);

	KUNIT_EXPECT_PTR_EQ(test, sgx_encl_create_backing(BIT(63)),
			    ERR_PTR(-EINVAL));
}

#ifdef CONFIG_FAULT_INJECTION
/* Returns whether there was an allocation to fail */
static bool sgx_test_fail_nth(struct kunit *test, unsigned int nth)
{
	struct sgx_encl *encl = test->priv;
	struct sgx_backing backing;
	bool failed;
	int err;

	sgx_test_settle(test);
	current->fail_nth = nth;
	err = sgx_encl_get_backing(encl, 0, &backing);
	failed = !current->fail_nth;
	current->fail_nth = 0;

	if (!err)
		sgx_encl_put_backing(&backing);
	else
		KUNIT_EXPECT_EQ_MSG(test, err, -ENOMEM, "allocation %u", nth);
	/* This is so only where there are no references */
	sgx_test_swap_out(test, 0);
	return failed;
}

/*
 * Where memory is short, for new pages or for what is in swap, that is an error,
 * and leaves no reference.
 */
static void sgx_test_nomem(struct kunit *test)
{
	const struct sgx_test_state *state = test->param_value;
	struct sgx_encl *encl = test->priv;
	unsigned int nth = 0;
	int errors = 0;
	bool failed;

	do {
		if (state->swapped)
			sgx_test_evict(test, 0);
		else
			anon_object_truncate_range(encl->backing, 0,
						   PAGE_ALIGN(anon_object_size(encl->backing)));
		failed = sgx_test_fail_nth(test, ++nth);
		errors += failed;
		KUNIT_ASSERT_LT(test, nth, 3000);
	} while (failed);
	kunit_info(test, "%d allocations failed\n", errors);
	if (state->swapped) {
		sgx_test_expect(test, 0, 1);
		/* What is still being written is not read */
		if (!errors)
			kunit_skip(test, "swap is not synchronous");
	}
	KUNIT_EXPECT_GT(test, errors, 0);
}
#else
static void sgx_test_nomem(struct kunit *test)
{
	kunit_skip(test, "no allocations can fail in this kernel");
}
#endif

/* An enclave may be larger than memory, which is accounted for page by page. */
static void sgx_test_huge(struct kunit *test)
{
	struct sgx_encl *encl = test->priv;
	unsigned long secs;

	encl->size = BIT(40);
	secs = encl->size / PAGE_SIZE;
	sgx_test_replace(test, encl->size);
	KUNIT_EXPECT_LT(test, vm_memory_committed(), secs);

	sgx_test_evict(test, 0);
	sgx_test_evict(test, secs - 1);
	sgx_test_evict(test, secs);
	KUNIT_EXPECT_EQ(test, sgx_test_resident(test), 6);
	sgx_test_expect(test, 0, 1);
	sgx_test_expect(test, secs - 1, secs + 1);
	sgx_test_free(test, 0);
	sgx_test_free(test, secs - 1);
	sgx_test_free(test, secs);
	KUNIT_EXPECT_EQ(test, sgx_test_resident(test), 0);
}

/* The enclave's reference to its backing goes with it. */
static void sgx_test_put(struct kunit *test)
{
	struct sgx_encl *encl = test->priv;
	struct anon_object *obj = anon_object_get(encl->backing);

	sgx_test_evict(test, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&obj->refs), 2);
	sgx_test_release(test);
	KUNIT_EXPECT_EQ(test, refcount_read(&obj->refs), 1);
	anon_object_put(obj);
}

static struct kunit_case sgx_test_cases[] = {
	KUNIT_CASE(sgx_test_layout),
	KUNIT_CASE(sgx_test_swap),
	KUNIT_CASE(sgx_test_swap_amid_write),
	KUNIT_CASE_PARAM(sgx_test_free_page, sgx_test_state_gen_params),
	KUNIT_CASE_PARAM(sgx_test_free_pcmds, sgx_test_state_gen_params),
	KUNIT_CASE(sgx_test_free_amid_reclaim),
	KUNIT_CASE(sgx_test_charge),
	KUNIT_CASE(sgx_test_beyond),
	KUNIT_CASE_PARAM(sgx_test_nomem, sgx_test_state_gen_params),
	KUNIT_CASE(sgx_test_huge),
	KUNIT_CASE(sgx_test_put),
	{}
};

static struct kunit_suite sgx_test_suite = {
	.name = "sgx",
	.suite_init = sgx_test_suite_init,
	.suite_exit = sgx_test_suite_exit,
	.init = sgx_test_init,
	.exit = sgx_test_release,
	.test_cases = sgx_test_cases,
};

kunit_test_suite(sgx_test_suite);

MODULE_DESCRIPTION("KUnit tests of the backing storage of SGX");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("GPL");
