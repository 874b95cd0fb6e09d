/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _MM_ANON_OBJECT_TESTS_TEST_H
#define _MM_ANON_OBJECT_TESTS_TEST_H

#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/anon_object.h>
#include <linux/pagemap.h>
#include <linux/sizes.h>

struct hstate;

/* What most tests are run on, one after the other */
struct anon_test_backend {
	const char *desc;
	enum anon_object_backend backend;
	enum anon_object_huge huge;
};

/*
 * What is large for a folio. With pages of 64 KiB, PMD_SIZE is 512 MiB, which no
 * guest is sure to have in one piece.
 */
#define ANON_TEST_LARGE		(PMD_SHIFT > 25 ? SZ_2M : PMD_SIZE)

#define ANON_TEST_BACKENDS	3
#define ANON_TEST_SHMEM		2	/* the first of them are on shmem */
extern const struct anon_test_backend anon_test_backends[ANON_TEST_BACKENDS];

int anon_test_init(struct kunit *test);
void anon_test_drain(void);

struct anon_object *anon_test_create(struct kunit *test,
				     const struct anon_object_attrs *attrs);
struct anon_object *anon_test_object(struct kunit *test, loff_t size);
struct file *anon_test_file(struct kunit *test, struct anon_object *obj);
struct file *anon_test_rw_view(struct kunit *test, struct anon_object *obj);
struct inode *anon_test_inode(struct anon_object *obj);
void anon_test_seal(struct kunit *test, struct anon_object *obj,
		    unsigned int seals);
void anon_test_put(struct kunit *test, struct anon_object *obj);
void anon_test_defer_fput(struct kunit *test, struct file *file);
void anon_test_fput(struct kunit *test, struct file *file);

u64 anon_test_resident(struct anon_object *obj);
u64 anon_test_swapped(struct anon_object *obj);
u64 anon_test_pinned(struct anon_object *obj);
bool anon_test_is_hugetlb(struct kunit *test);
bool anon_test_has_swap(void);
void anon_test_need_swap(struct kunit *test);
u64 anon_test_swap_out(struct anon_object *obj, u64 want);

struct page **anon_test_pages(struct kunit *test, struct anon_object *obj);
u8 *anon_test_buffer(struct kunit *test, size_t len);
void anon_test_pattern(u8 *buf, loff_t pos, size_t len);
void anon_test_fill(struct kunit *test, struct anon_object *obj);
struct anon_object *anon_test_two_pages(struct kunit *test);
bool anon_test_holds(struct kunit *test, struct anon_object *obj, loff_t pos,
		     size_t len);
bool anon_test_zero(struct kunit *test, struct anon_object *obj, loff_t pos,
		    size_t len);
bool anon_test_page_holds(struct kunit *test, struct page *page, loff_t pos);

bool anon_test_waited_for(struct folio *folio);
unsigned long anon_test_mmap(struct kunit *test, struct file *file, size_t len,
			     unsigned long prot);

void anon_test_break(struct kunit *test, struct page *page);

void anon_test_sysfs(struct kunit *test, const char *path, const char *value);
bool anon_test_thp(void);

/*
 * For memory of the kind that there is less of: below 4 GiB, or where the kernel
 * has addresses for it
 */
#define ANON_TEST_LOW	(IS_ENABLED(CONFIG_ZONE_DMA32) ?	\
			 GFP_KERNEL | __GFP_DMA32 : GFP_KERNEL)

bool anon_test_is_high(struct page *page);
unsigned long anon_test_low_pages(void);
void anon_test_need_low(struct kunit *test);
void anon_test_need_high(struct kunit *test);

struct hstate *anon_test_hstate(struct kunit *test);
unsigned long anon_test_huge_pages(struct kunit *test, loff_t size);
unsigned long anon_test_pool(struct kunit *test, unsigned long nr_pages);
long anon_test_committed(struct kunit *test);

#endif /* _MM_ANON_OBJECT_TESTS_TEST_H */
