// SPDX-License-Identifier: GPL-2.0
/*
 * What the KUnit suites of anonymous objects share.
 *
 * Whatever a helper makes is undone at the end of the test, unless the test has
 * done so itself before, with anon_test_put() for instance.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/hugetlb.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>

#include "../internal.h"
#include "test.h"

const struct anon_test_backend anon_test_backends[ANON_TEST_BACKENDS] = {
	{
		.desc = "shmem-small",
		.backend = ANON_OBJECT_SHMEM,
		.huge = ANON_OBJECT_HUGE_NEVER,
	}, {
		.desc = "shmem-within-size",
		.backend = ANON_OBJECT_SHMEM,
		.huge = ANON_OBJECT_HUGE_WITHIN_SIZE,
	}, {
		.desc = "hugetlb",
		.backend = ANON_OBJECT_HUGETLB,
	},
};

/*
 * The files of kernel threads, and tests are such, are closed by a work item;
 * that of a view then leaves those of its object to be closed.
 */
void anon_test_drain(void)
{
	int i;

	for (i = 0; i < 3; i++)
		flush_delayed_fput();
	anon_object_flush();
}

/*
 * What the tests before have left to be closed must not change counters. And
 * folios that wait in another CPU's batches cannot be swapped out.
 */
int anon_test_init(struct kunit *test)
{
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	anon_test_drain();
	return 0;
}

static void anon_test_put_action(void *obj)
{
	anon_object_put(obj);
	anon_test_drain();
}

static void anon_test_fput_action(void *file)
{
	fput(file);
	anon_test_drain();
}

static void anon_test_defer(struct kunit *test, kunit_action_t *action,
			    void *arg)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, action, arg), 0);
}

/* Create an object that must be had */
struct anon_object *anon_test_create(struct kunit *test,
				     const struct anon_object_attrs *attrs)
{
	struct anon_object *obj = anon_object_create(attrs);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	anon_test_defer(test, anon_test_put_action, obj);
	return obj;
}

/* Create an object on the backend that the test is run on */
struct anon_object *anon_test_object(struct kunit *test, loff_t size)
{
	const struct anon_test_backend *param = test->param_value;
	struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = size,
		.backend = param->backend,
		.huge = param->huge,
	};

	if (param->backend == ANON_OBJECT_HUGETLB)
		anon_test_pool(test, anon_test_huge_pages(test, size));
	return anon_test_create(test, &attrs);
}

void anon_test_defer_fput(struct kunit *test, struct file *file)
{
	anon_test_defer(test, anon_test_fput_action, file);
}

struct file *anon_test_file(struct kunit *test, struct anon_object *obj)
{
	struct file *file = anon_object_file(obj);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	anon_test_defer_fput(test, file);
	return file;
}

/* A view for reading and writing, as user space has it */
struct file *anon_test_rw_view(struct kunit *test, struct anon_object *obj)
{
	const struct anon_view_attrs attrs = { .flags = O_RDWR };
	struct file *file = anon_object_view(obj, &attrs);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	anon_test_defer_fput(test, file);
	return file;
}

/* The inode, for as long as the caller has a reference to the object */
struct inode *anon_test_inode(struct anon_object *obj)
{
	return obj->inode;
}

/* Put a reference of anon_test_create()'s now, and let the inode go */
void anon_test_put(struct kunit *test, struct anon_object *obj)
{
	kunit_release_action(test, anon_test_put_action, obj);
}

void anon_test_fput(struct kunit *test, struct file *file)
{
	kunit_release_action(test, anon_test_fput_action, file);
}

static struct anon_object_stat anon_test_stat(struct anon_object *obj)
{
	struct anon_object_stat stat;

	anon_object_get_stat(obj, &stat);
	return stat;
}

u64 anon_test_resident(struct anon_object *obj)
{
	return anon_test_stat(obj).resident;
}

u64 anon_test_swapped(struct anon_object *obj)
{
	return anon_test_stat(obj).swapped;
}

u64 anon_test_pinned(struct anon_object *obj)
{
	return anon_test_stat(obj).pinned;
}

bool anon_test_is_hugetlb(struct kunit *test)
{
	const struct anon_test_backend *param = test->param_value;

	return param && param->backend == ANON_OBJECT_HUGETLB;
}

bool anon_test_has_swap(void)
{
	return get_nr_swap_pages() >= SZ_16M >> PAGE_SHIFT;
}

void anon_test_need_swap(struct kunit *test)
{
	if (!anon_test_has_swap())
		kunit_skip(test, "no swap device with 16 MiB free");
}

/* A folio may be busy for a moment: on its way to a list, for instance */
u64 anon_test_swap_out(struct anon_object *obj, u64 want)
{
	loff_t size = PAGE_ALIGN(anon_object_size(obj));
	int i;

	for (i = 0; i < 100 && anon_test_swapped(obj) < want; i++) {
		anon_object_swap_out(obj, 0, size);
		cond_resched();
	}
	return anon_test_swapped(obj);
}

/* Room for all pages of an object */
struct page **anon_test_pages(struct kunit *test, struct anon_object *obj)
{
	size_t nr = PAGE_ALIGN(anon_object_size(obj)) >> PAGE_SHIFT;
	struct page **pages;

	pages = kunit_kcalloc(test, nr, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	return pages;
}

u8 *anon_test_buffer(struct kunit *test, size_t len)
{
	u8 *buf = kunit_kmalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

/* No two pages of it are alike, nor does any byte in it stay the same */
static u8 anon_test_byte(loff_t pos)
{
	return pos * 7 + (pos >> PAGE_SHIFT) * 3 + 1;
}

/* What anon_test_fill() writes at @pos of an object */
void anon_test_pattern(u8 *buf, loff_t pos, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = anon_test_byte(pos + i);
}

#define ANON_TEST_STEP	SZ_64K

void anon_test_fill(struct kunit *test, struct anon_object *obj)
{
	u8 *buf = anon_test_buffer(test, ANON_TEST_STEP);
	loff_t pos, size = anon_object_size(obj);

	for (pos = 0; pos < size; pos += ANON_TEST_STEP) {
		size_t len = min_t(loff_t, size - pos, ANON_TEST_STEP);
		int err;

		anon_test_pattern(buf, pos, len);
		err = anon_object_write(obj, pos, buf, len);
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	kunit_kfree(test, buf);
}

/* Two small pages, filled, that may become fewer */
struct anon_object *anon_test_two_pages(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = 2 * PAGE_SIZE,
		.huge = ANON_OBJECT_HUGE_NEVER,
		.flags = ANON_OBJECT_RESIZABLE,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);

	anon_test_fill(test, obj);
	return obj;
}

static bool anon_test_equals(struct kunit *test, struct anon_object *obj,
			     loff_t pos, size_t len, bool zero)
{
	u8 *buf = anon_test_buffer(test, ANON_TEST_STEP);
	u8 *want = anon_test_buffer(test, ANON_TEST_STEP);
	bool equal = true;

	memset(want, 0, ANON_TEST_STEP);
	while (len && equal) {
		size_t part = min_t(size_t, len, ANON_TEST_STEP);
		int err;

		if (!zero)
			anon_test_pattern(want, pos, part);
		err = anon_object_read(obj, pos, buf, part);
		KUNIT_ASSERT_EQ(test, err, 0);
		equal = !memcmp(buf, want, part);
		pos += part;
		len -= part;
	}
	kunit_kfree(test, want);
	kunit_kfree(test, buf);
	return equal;
}

/* Is what anon_test_fill() has written still there? */
bool anon_test_holds(struct kunit *test, struct anon_object *obj, loff_t pos,
		     size_t len)
{
	return anon_test_equals(test, obj, pos, len, false);
}

bool anon_test_zero(struct kunit *test, struct anon_object *obj, loff_t pos,
		    size_t len)
{
	return anon_test_equals(test, obj, pos, len, true);
}

/* Does a page still hold what anon_test_fill() has written at @pos? */
bool anon_test_page_holds(struct kunit *test, struct page *page, loff_t pos)
{
	u8 *want = anon_test_buffer(test, PAGE_SIZE);
	void *got;
	bool same;

	anon_test_pattern(want, pos, PAGE_SIZE);
	got = kmap_local_page(page);
	same = !memcmp(got, want, PAGE_SIZE);
	kunmap_local(got);
	kunit_kfree(test, want);
	return same;
}

/* Until somebody waits for a folio's lock, for 10 seconds at most */
bool anon_test_waited_for(struct folio *folio)
{
	int i;

	for (i = 0; i < 500 && !folio_test_waiters(folio); i++)
		msleep(20);
	return folio_test_waiters(folio);
}

/* Map a file that must be mapped; the end of the test's thread unmaps it */
unsigned long anon_test_mmap(struct kunit *test, struct file *file, size_t len,
			     unsigned long prot)
{
	unsigned long addr;

	addr = kunit_vm_mmap(test, file, 0, len, prot, MAP_SHARED, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

/*
 * A file in sysfs, which nobody need have mounted.  sysfs is no module, so that
 * there is no reference to give back.
 */
static struct file *anon_test_sysfs_open(struct kunit *test,
					 struct vfsmount **mnt,
					 const char *name, int flags)
{
	struct path root;
	struct file *file;

	*mnt = kern_mount(get_fs_type("sysfs"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, *mnt);
	root.mnt = *mnt;
	root.dentry = (*mnt)->mnt_root;
	file = file_open_root(&root, name, flags, 0);
	if (IS_ERR(file))
		kern_unmount(*mnt);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	return file;
}

static void anon_test_sysfs_close(struct file *file, struct vfsmount *mnt)
{
	__fput_sync(file);
	kern_unmount(mnt);
}

static void anon_test_sysfs_write(struct kunit *test, const char *name,
				  const char *value)
{
	struct vfsmount *mnt;
	struct file *file;
	loff_t pos = 0;
	ssize_t ret;

	file = anon_test_sysfs_open(test, &mnt, name, O_WRONLY);
	ret = kernel_write(file, value, strlen(value), &pos);
	anon_test_sysfs_close(file, mnt);
	KUNIT_EXPECT_EQ(test, ret, strlen(value));
}

struct anon_test_setting {
	struct kunit *test;
	char name[80];
	char value[80];
};

static void anon_test_sysfs_restore(void *arg)
{
	struct anon_test_setting *setting = arg;

	anon_test_sysfs_write(setting->test, setting->name, setting->value);
}

/* Where there are several values, it is the one in brackets that counts */
static void anon_test_sysfs_read(struct kunit *test,
				 struct anon_test_setting *setting)
{
	char buf[sizeof(setting->value)] = "", *value = buf, *end;
	struct vfsmount *mnt;
	struct file *file;
	loff_t pos = 0;
	ssize_t ret;

	file = anon_test_sysfs_open(test, &mnt, setting->name, O_RDONLY);
	ret = kernel_read(file, buf, sizeof(buf) - 1, &pos);
	anon_test_sysfs_close(file, mnt);
	KUNIT_ASSERT_GT(test, ret, 0);

	if (strchr(buf, '['))
		value = strchr(buf, '[') + 1;
	end = strpbrk(value, "]\n");
	if (end)
		*end = '\0';
	strscpy(setting->value, value);
}

/* Set what is in sysfs, until the end of the test */
void anon_test_sysfs(struct kunit *test, const char *name, const char *value)
{
	struct anon_test_setting *setting;

	setting = kunit_kzalloc(test, sizeof(*setting), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, setting);
	setting->test = test;
	strscpy(setting->name, name);
	anon_test_sysfs_read(test, setting);
	anon_test_defer(test, anon_test_sysfs_restore, setting);
	anon_test_sysfs_write(test, name, value);
}

#ifdef CONFIG_MEMORY_FAILURE
static void anon_test_heal(void *data)
{
	struct page *page = data;

	if (folio_test_hugetlb(page_folio(page))) {
		unpoison_memory(page_to_pfn(page));
	} else {
		ClearPageHWPoison(page);
		if (folio_test_large(page_folio(page)))
			folio_clear_has_hwpoisoned(page_folio(page));
	}
}

/*
 * Break a page where it is: of huge pages by the kernel's own means, but a large
 * folio would be split by those.
 */
void anon_test_break(struct kunit *test, struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_test_hugetlb(folio)) {
		memory_failure(page_to_pfn(page), MF_SW_SIMULATED);
	} else {
		SetPageHWPoison(page);
		if (folio_test_large(folio))
			folio_set_has_hwpoisoned(folio);
	}
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, anon_test_heal,
							page), 0);
}
#else
void anon_test_break(struct kunit *test, struct page *page)
{
	kunit_skip(test, "no handling of memory errors");
}
#endif

/* Are there large folios at all? */
bool anon_test_thp(void)
{
	return IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) &&
	       has_transparent_hugepage();
}

/* Is it where nothing that is for ANON_TEST_LOW may be? */
bool anon_test_is_high(struct page *page)
{
	if (IS_ENABLED(CONFIG_ZONE_DMA32))
		return page_to_phys(page) >= SZ_4G;
	return PageHighMem(page);
}

/* All the memory that is for ANON_TEST_LOW */
unsigned long anon_test_low_pages(void)
{
	unsigned long nr_pages = 0;
	int node, i;

	for_each_online_node(node)
		for (i = 0; i <= gfp_zone(ANON_TEST_LOW); i++)
			nr_pages += zone_managed_pages(NODE_DATA(node)->node_zones + i);
	return nr_pages;
}

/* For tests of zones: the test is skipped where there are none to choose from */
void anon_test_need_low(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_ZONE_DMA32) && !IS_ENABLED(CONFIG_HIGHMEM))
		kunit_skip(test, "no DMA32 zone");
}

/*
 * For tests that memory is kept low: others would get what is high.  Where they
 * would not, the test is skipped.
 */
void anon_test_need_high(struct kunit *test)
{
	struct page *page;
	bool high;

	anon_test_need_low(test);
	page = alloc_page(GFP_HIGHUSER);
	KUNIT_ASSERT_NOT_NULL(test, page);
	high = anon_test_is_high(page);
	__free_page(page);
	if (!high)
		kunit_skip(test, "no memory above 4 GiB");
}

#ifdef CONFIG_HUGETLBFS
/* What fcntl() does for those who have a memfd */
void anon_test_seal(struct kunit *test, struct anon_object *obj,
		    unsigned int seals)
{
	struct inode *inode = anon_test_inode(obj);

	if (anon_test_is_hugetlb(test))
		HUGETLBFS_I(inode)->seals |= seals;
	else
		SHMEM_I(inode)->seals |= seals;
}

/* The default page size's; the test is skipped where there are none */
struct hstate *anon_test_hstate(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit-probe",
		.size = 1,
		.backend = ANON_OBJECT_HUGETLB,
		.flags = ANON_OBJECT_NORESERVE,
	};
	struct anon_object *obj;
	struct hstate *h;

	if (!hugepages_supported())
		kunit_skip(test, "no huge pages");
	obj = anon_test_create(test, &attrs);
	h = hstate_inode(anon_test_inode(obj));
	anon_test_put(test, obj);
	return h;
}

unsigned long anon_test_huge_pages(struct kunit *test, loff_t size)
{
	struct hstate *h = anon_test_hstate(test);

	return round_up(size, huge_page_size(h)) >> huge_page_shift(h);
}

/*
 * Have the pool serve @nr_pages, if need be by making it larger; returns how
 * many it can serve.
 */
unsigned long anon_test_pool(struct kunit *test, unsigned long nr_pages)
{
	struct hstate *h = anon_test_hstate(test);
	unsigned long avail = h->free_huge_pages - h->resv_huge_pages;
	char name[80], value[20];

	if (avail < nr_pages) {
		snprintf(name, sizeof(name), "kernel/mm/hugepages/%s/nr_hugepages",
			 h->name);
		snprintf(value, sizeof(value), "%lu",
			 h->nr_huge_pages + nr_pages - avail);
		anon_test_sysfs(test, name, value);
		avail = h->free_huge_pages - h->resv_huge_pages;
	}
	if (avail < nr_pages)
		kunit_skip(test, "no memory for %lu huge pages", nr_pages);
	return avail;
}
#else
void anon_test_seal(struct kunit *test, struct anon_object *obj,
		    unsigned int seals)
{
	SHMEM_I(anon_test_inode(obj))->seals |= seals;
}

struct hstate *anon_test_hstate(struct kunit *test)
{
	kunit_skip(test, "no hugetlbfs");
	return NULL;
}

unsigned long anon_test_huge_pages(struct kunit *test, loff_t size)
{
	anon_test_hstate(test);
	return 0;
}

unsigned long anon_test_pool(struct kunit *test, unsigned long nr_pages)
{
	anon_test_hstate(test);
	return 0;
}
#endif /* CONFIG_HUGETLBFS */

/* What is held back for an object: the account, or hugetlb's reservation */
long anon_test_committed(struct kunit *test)
{
#ifdef CONFIG_HUGETLBFS
	if (anon_test_is_hugetlb(test))
		return anon_test_hstate(test)->resv_huge_pages;
#endif
	return vm_memory_committed();
}

MODULE_DESCRIPTION("KUnit tests of anonymous objects");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("GPL");
