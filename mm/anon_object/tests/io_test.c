// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: reading and writing them.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/kprobes.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <uapi/linux/fcntl.h>

#include "test.h"

KUNIT_ARRAY_PARAM_DESC(anon_test_backend, anon_test_backends, desc);

/* Odd offsets and lengths, within a page, across pages and across folios */
static const struct {
	loff_t pos;
	size_t len;
} anon_test_ranges[] = {
	{ 0, 1 },
	{ 1, PAGE_SIZE - 2 },
	{ PAGE_SIZE - 1, 2 },
	{ 0, PAGE_SIZE },
	{ 100, 3 * PAGE_SIZE + 7 },
	{ SZ_64K - 5, SZ_128K + 11 },
	{ SZ_512K + 3, SZ_512K - 3 },
	{ SZ_1M - 1, 1 },
};

static void anon_test_write_pattern(struct kunit *test, struct anon_object *obj,
				    loff_t pos, size_t len)
{
	u8 *buf = anon_test_buffer(test, len);

	anon_test_pattern(buf, pos, len);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, pos, buf, len), 0);
	kunit_kfree(test, buf);
}

/* What is written is read, and what is around it is not touched. */
static void anon_object_test_write(struct kunit *test)
{
	struct anon_object *obj;
	int i;

	for (i = 0; i < ARRAY_SIZE(anon_test_ranges); i++) {
		loff_t pos = anon_test_ranges[i].pos;
		size_t len = anon_test_ranges[i].len;
		loff_t end = pos + len;

		obj = anon_test_object(test, SZ_1M);
		anon_test_write_pattern(test, obj, pos, len);
		KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, pos));
		KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, pos, len));
		KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, end,
						       SZ_1M - end));
		anon_test_put(test, obj);
	}
}

/* A buffer gets what it is to get, and nothing beyond that. */
static void anon_object_test_read(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	u8 *want = anon_test_buffer(test, SZ_1M);
	u8 *got = anon_test_buffer(test, SZ_1M + 1);
	int i;

	anon_test_fill(test, obj);
	for (i = 0; i < ARRAY_SIZE(anon_test_ranges); i++) {
		loff_t pos = anon_test_ranges[i].pos;
		size_t len = anon_test_ranges[i].len;

		got[len] = 0xa5;
		anon_test_pattern(want, pos, len);
		KUNIT_EXPECT_EQ(test, anon_object_read(obj, pos, got, len), 0);
		KUNIT_EXPECT_EQ(test, memcmp(got, want, len), 0);
		KUNIT_EXPECT_EQ(test, got[len], 0xa5);
	}
}

/* Holes read as zeroes, whatever the buffer had, and stay holes. */
static void anon_object_test_read_holes(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	u8 *buf = anon_test_buffer(test, SZ_64K);

	memset(buf, 0xa5, SZ_64K);
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, 13, buf, SZ_64K), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf, 0, SZ_64K));
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_inode(obj)->i_mapping->nrpages, 0);
}

static void anon_test_reject(struct kunit *test, struct anon_object *obj,
			     loff_t pos, size_t len)
{
	u8 buf[32];
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(buf);

	KUNIT_EXPECT_EQ(test, anon_object_read(obj, pos, buf, len), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, pos, buf, len), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_read_map(obj, pos, &map, 0, len),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_write_map(obj, pos, &map, 0, len),
			-EINVAL);
}

/* Ranges that are none of the object's are -EINVAL, and nothing is copied. */
static void anon_object_test_io_rejects(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	loff_t size = anon_object_size(obj);

	anon_test_reject(test, obj, -1, 1);
	anon_test_reject(test, obj, -1, 2);
	anon_test_reject(test, obj, LLONG_MIN, 1);
	anon_test_reject(test, obj, size, 1);
	anon_test_reject(test, obj, size - 1, 2);
	anon_test_reject(test, obj, LLONG_MAX, 1);
	anon_test_reject(test, obj, 1, SIZE_MAX);
	anon_test_reject(test, obj, 1, LONG_MAX);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* An empty range is fine, anywhere within the object, its end included. */
static void anon_object_test_io_empty(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	loff_t size = anon_object_size(obj);
	u8 buf = 0xa5;

	KUNIT_EXPECT_EQ(test, anon_object_read(obj, size, &buf, 0), 0);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, size, &buf, 0), 0);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, 0, &buf, 0), 0);
	KUNIT_EXPECT_EQ(test, buf, 0xa5);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* An iterator is served up to the end, and is told how far that was. */
static void anon_object_test_read_iter_end(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	loff_t size = anon_object_size(obj);
	u8 *buf = anon_test_buffer(test, SZ_4K);
	struct kvec kvec = { .iov_base = buf, .iov_len = SZ_4K };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, SZ_4K);
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, size, &iter), 0);
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, size + 5, &iter), 0);
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, -1, &iter), -EINVAL);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), SZ_4K);
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, size - 100, &iter),
			100);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), SZ_4K - 100);
}

static void anon_object_test_write_iter_end(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	loff_t size = anon_object_size(obj);
	u8 *buf = anon_test_buffer(test, SZ_4K);
	struct kvec kvec = { .iov_base = buf, .iov_len = SZ_4K };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, SZ_4K);
	KUNIT_EXPECT_EQ(test, anon_object_write_iter(obj, size, &iter),
			-ENOSPC);
	KUNIT_EXPECT_EQ(test, anon_object_write_iter(obj, -1, &iter), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), SZ_4K);
	KUNIT_EXPECT_EQ(test, anon_object_write_iter(obj, size - 100, &iter),
			100);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), SZ_4K - 100);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), size);
}

#define ANON_TEST_PARTS	3

/* Of a buffer, three parts that are not next to each other */
static size_t anon_test_parts(struct kvec *parts, u8 *buf)
{
	static const size_t len[ANON_TEST_PARTS] = { 1, SZ_64K + 3, 4099 };
	size_t sum = 0;
	int i;

	for (i = 0; i < ANON_TEST_PARTS; i++) {
		parts[i].iov_base = buf;
		parts[i].iov_len = len[i];
		buf += len[i] + 1;
		sum += len[i];
	}
	return sum;
}

/* Several segments are one stream, in both directions. */
static void anon_object_test_iter_segments(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	u8 *buf = anon_test_buffer(test, SZ_128K);
	struct kvec parts[ANON_TEST_PARTS];
	size_t sum = anon_test_parts(parts, buf);
	loff_t pos = SZ_256K - 17;
	struct iov_iter iter;
	int i;

	for (i = 0; i < ANON_TEST_PARTS; i++) {
		anon_test_pattern(parts[i].iov_base, pos, parts[i].iov_len);
		pos += parts[i].iov_len;
	}
	pos -= sum;
	iov_iter_kvec(&iter, ITER_SOURCE, parts, ANON_TEST_PARTS, sum);
	KUNIT_EXPECT_EQ(test, anon_object_write_iter(obj, pos, &iter), sum);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, pos, sum));

	memset(buf, 0, SZ_128K);
	iov_iter_kvec(&iter, ITER_DEST, parts, ANON_TEST_PARTS, sum);
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, pos, &iter), sum);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 0);
	for (i = 0; i < ANON_TEST_PARTS; i++) {
		u8 *want = anon_test_buffer(test, parts[i].iov_len);

		anon_test_pattern(want, pos, parts[i].iov_len);
		KUNIT_EXPECT_EQ(test, memcmp(parts[i].iov_base, want,
					     parts[i].iov_len), 0);
		pos += parts[i].iov_len;
	}
}

static unsigned long anon_test_user(struct kunit *test, size_t len)
{
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, len, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

/* User space's memory, which nothing has touched yet, serves as well. */
static void anon_object_test_iter_user(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	void __user *user = (void __user *)anon_test_user(test, SZ_128K);
	u8 *want = anon_test_buffer(test, SZ_128K);
	u8 *got = anon_test_buffer(test, SZ_128K);
	struct iov_iter iter;

	anon_test_fill(test, obj);
	anon_test_pattern(want, 77, SZ_128K);
	iov_iter_ubuf(&iter, ITER_DEST, user, SZ_128K);
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, 77, &iter), SZ_128K);
	KUNIT_EXPECT_EQ(test, copy_from_user(got, user, SZ_128K), 0);
	KUNIT_EXPECT_EQ(test, memcmp(got, want, SZ_128K), 0);

	iov_iter_ubuf(&iter, ITER_SOURCE, user, SZ_128K);
	KUNIT_EXPECT_EQ(test, anon_object_write_iter(obj, SZ_512K, &iter),
			SZ_128K);
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, SZ_512K, got, SZ_128K), 0);
	KUNIT_EXPECT_EQ(test, memcmp(got, want, SZ_128K), 0);
	vm_munmap((unsigned long)user, SZ_128K);
}

/* Who has been killed writes no more; what the kernel writes is another matter. */
static void anon_object_test_write_killed(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	void __user *user = (void __user *)anon_test_user(test, SZ_128K);
	u8 *buf = anon_test_buffer(test, SZ_128K);
	struct iov_iter iter;
	ssize_t users, own;

	anon_test_pattern(buf, 0, SZ_128K);
	KUNIT_ASSERT_EQ(test, copy_to_user(user, buf, SZ_128K), 0);
	/* A kernel thread is not killed, but it can look like it */
	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	iov_iter_ubuf(&iter, ITER_SOURCE, user, SZ_128K);
	users = anon_object_write_iter(obj, 0, &iter);
	own = anon_object_write(obj, SZ_512K, buf, SZ_128K);
	flush_signals(current);
	disallow_signal(SIGKILL);

	KUNIT_EXPECT_EQ(test, users, -EINTR);
	KUNIT_EXPECT_EQ(test, own, 0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, SZ_128K));
	vm_munmap((unsigned long)user, SZ_128K);
}

/* Where user space's memory ends, so does the copy; -EFAULT if that is at once. */
static void anon_object_test_iter_fault(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	unsigned long addr = anon_test_user(test, 3 * PAGE_SIZE);
	void __user *user = (void __user *)addr;
	struct iov_iter iter;

	anon_test_fill(test, obj);
	vm_munmap(addr + PAGE_SIZE, 2 * PAGE_SIZE);
	iov_iter_ubuf(&iter, ITER_DEST, user, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, 0, &iter), PAGE_SIZE);
	iov_iter_ubuf(&iter, ITER_SOURCE, user, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_object_write_iter(obj, 0, &iter), PAGE_SIZE);

	user += PAGE_SIZE;
	iov_iter_ubuf(&iter, ITER_DEST, user, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, 0, &iter), -EFAULT);
	iov_iter_ubuf(&iter, ITER_SOURCE, user, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_object_write_iter(obj, 0, &iter), -EFAULT);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_1M));
	vm_munmap(addr, PAGE_SIZE);
}

/* An object can be copied to a mapping of itself. */
static void anon_object_test_iter_self(struct kunit *test)
{
	const struct anon_view_attrs attrs = { .flags = O_RDWR };
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	size_t size = anon_object_size(obj);
	struct file *view = anon_object_view(obj, &attrs);
	struct iov_iter iter;
	unsigned long addr;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, view);
	anon_test_fill(test, obj);
	addr = anon_test_mmap(test, view, size, PROT_READ | PROT_WRITE);
	fput(view);
	iov_iter_ubuf(&iter, ITER_DEST, (void __user *)addr, SZ_64K);
	KUNIT_EXPECT_EQ(test, anon_object_read_iter(obj, 0, &iter), SZ_64K);
	iov_iter_ubuf(&iter, ITER_SOURCE, (void __user *)addr, SZ_64K);
	KUNIT_EXPECT_EQ(test, anon_object_write_iter(obj, 0, &iter), SZ_64K);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, size));
	vm_munmap(addr, size);
}

struct anon_test_reader {
	struct work_struct work;
	struct anon_object *obj;
	u8 *buf;
	int err;
};

static void anon_test_reader_work(struct work_struct *work)
{
	struct anon_test_reader *reader =
		container_of(work, struct anon_test_reader, work);

	reader->err = anon_object_read(reader->obj, 0, reader->buf,
				       2 * PAGE_SIZE);
}

/*
 * A read that the object's end comes to meet is not one of all that was asked
 * for. It waits for its first page while the second goes.
 */
static void anon_object_test_read_shrinking(struct kunit *test)
{
	struct anon_object *obj = anon_test_two_pages(test);
	struct anon_test_reader reader = { .obj = obj };
	struct folio *folio;

	reader.buf = anon_test_buffer(test, 2 * PAGE_SIZE);
	folio = filemap_lock_folio(anon_test_inode(obj)->i_mapping, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	/* As if it was yet to be read, for what is there is not waited for */
	folio_clear_uptodate(folio);

	INIT_WORK_ONSTACK(&reader.work, anon_test_reader_work);
	schedule_work(&reader.work);
	KUNIT_EXPECT_TRUE(test, anon_test_waited_for(folio));
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, PAGE_SIZE), 0);
	folio_mark_uptodate(folio);
	folio_unlock(folio);
	folio_put(folio);
	flush_work(&reader.work);
	destroy_work_on_stack(&reader.work);

	KUNIT_EXPECT_EQ(test, reader.err, -EIO);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, PAGE_SIZE));
}

/* Memory that may be a device's is read and written at an offset of its own. */
static void anon_object_test_map(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	u8 *buf = anon_test_buffer(test, SZ_128K);
	u8 *want = anon_test_buffer(test, SZ_128K);
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(buf);
	loff_t pos = SZ_64K - 9;
	size_t len = SZ_64K + 100;

	anon_test_pattern(buf + 5, pos, len);
	KUNIT_EXPECT_EQ(test, anon_object_write_map(obj, pos, &map, 5, len), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, pos));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, pos, len));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, pos + len, SZ_64K));

	memset(buf, 0xa5, SZ_128K);
	memset(want, 0xa5, SZ_128K);
	anon_test_pattern(want + 7, pos, len);
	KUNIT_EXPECT_EQ(test, anon_object_read_map(obj, pos, &map, 7, len), 0);
	KUNIT_EXPECT_EQ(test, memcmp(buf, want, SZ_128K), 0);
}

/* Holes are zeroes there too, and stay holes. */
static void anon_object_test_map_holes(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	u8 *buf = anon_test_buffer(test, SZ_64K);
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(buf);

	memset(buf, 0xa5, SZ_64K);
	KUNIT_EXPECT_EQ(test, anon_object_read_map(obj, 13, &map, 1,
						   SZ_64K - 2), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf + 1, 0, SZ_64K - 2));
	KUNIT_EXPECT_EQ(test, buf[0], 0xa5);
	KUNIT_EXPECT_EQ(test, buf[SZ_64K - 1], 0xa5);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

static void anon_test_expect_sealed(struct kunit *test, unsigned int seal)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	u8 *buf = anon_test_buffer(test, SZ_4K);
	struct kvec kvec = { .iov_base = buf, .iov_len = SZ_4K };
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(buf);
	struct iov_iter iter;

	anon_test_fill(test, obj);
	memset(buf, 0, SZ_4K);
	anon_test_seal(test, obj, seal);
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, SZ_4K);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, 0, buf, SZ_4K), -EPERM);
	KUNIT_EXPECT_EQ(test, anon_object_write_iter(obj, 0, &iter), -EPERM);
	KUNIT_EXPECT_EQ(test, anon_object_write_map(obj, 0, &map, 0, SZ_4K),
			-EPERM);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, anon_object_size(obj)),
			-EPERM);
	if (anon_test_is_hugetlb(test))
		KUNIT_EXPECT_EQ(test,
				anon_object_truncate_range(obj, 0,
							   anon_object_size(obj)),
				-EPERM);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));
}

/* What is sealed against writing can be read, and no longer written. */
static void anon_object_test_sealed(struct kunit *test)
{
	anon_test_expect_sealed(test, F_SEAL_WRITE);
	anon_test_expect_sealed(test, F_SEAL_FUTURE_WRITE);
}

/* What is written is dirty, so that reclaim does not drop it. */
static void anon_object_test_write_dirties(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct page *page;

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &page),
			0);
	folio_clear_dirty(page_folio(page));
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, 0, "x", 1), 0);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(page_folio(page)));
	anon_object_unpin_pages(obj, &page, 1, 0);
}

/* What is read or written is in use, which reclaim has to know. */
static void anon_object_test_io_accesses(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct folio *folio;
	struct page *page;
	char c;

	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &page),
			0);
	folio = page_folio(page);
	folio_clear_referenced(folio);
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, 0, &c, 1), 0);
	KUNIT_EXPECT_TRUE(test, folio_test_referenced(folio));
	folio_clear_referenced(folio);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, 0, "x", 1), 0);
	KUNIT_EXPECT_TRUE(test, folio_test_referenced(folio));
	anon_object_unpin_pages(obj, &page, 1, 0);
}

/* Holes can be punched while there is no pin. */
static void anon_object_test_punch(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	size_t size = anon_object_size(obj);
	struct page *page;

	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &page),
			0);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, size), -EBUSY);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, size));
	anon_object_unpin_pages(obj, &page, 1, 0);

	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 1, size), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, size + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, -size), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, size + PAGE_SIZE),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, -(loff_t)size, size),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, LLONG_MAX, LLONG_MAX),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), size);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, size));

	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, size), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, size));
}

/* What a punch has no whole page of is cleared, and no byte around it is. */
static void anon_object_test_punch_bytes(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_8M);
	size_t size = anon_object_size(obj);
	const loff_t from = SZ_64K - 9, end = size - SZ_64K - 11;
	struct anon_object_stat stat;

	anon_object_get_stat(obj, &stat);
	anon_test_fill(test, obj);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 5, 7), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), size);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, from, end - from), 0);
	if (size > 2 * stat.page_size)
		KUNIT_EXPECT_LT(test, anon_test_resident(obj), size);

	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, 5));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 5, 7));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 12, from - 12));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, from, end - from));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, end, size - end));
}

static void anon_test_release_folio(struct folio *folio)
{
	if (IS_ERR_OR_NULL(folio))
		return;
	folio_unlock(folio);
	folio_put(folio);
}

/* A hole stays one for who looks, and is filled for who writes. */
static void anon_object_test_folio_hole(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	const loff_t pos = SZ_64K + 5;
	struct folio *folio;

	folio = anon_object_find_folio(obj, pos);
	KUNIT_EXPECT_NULL(test, folio);
	anon_test_release_folio(folio);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);

	folio = anon_object_get_folio(obj, pos);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_TRUE(test, folio_contains(folio, pos >> PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), folio_size(folio));
	memcpy_to_folio(folio, offset_in_folio(folio, pos), "x", 1);
	anon_test_release_folio(folio);

	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, 0, pos));
	KUNIT_EXPECT_FALSE(test, anon_test_zero(test, obj, pos, 1));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, pos + 1, SZ_64K));
}

/* What is there is what both get; only who writes makes it dirty. */
static void anon_object_test_folio_resident(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	const loff_t pos = SZ_64K + 5;
	struct folio *folio, *again;
	struct page *page;

	anon_test_fill(test, obj);
	folio = anon_object_find_folio(obj, pos);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	KUNIT_EXPECT_TRUE(test, folio_contains(folio, pos >> PAGE_SHIFT));
	page = folio_file_page(folio, pos >> PAGE_SHIFT);
	KUNIT_EXPECT_TRUE(test, anon_test_page_holds(test, page, SZ_64K));
	folio_clear_dirty(folio);
	anon_test_release_folio(folio);

	again = anon_object_find_folio(obj, pos);
	KUNIT_ASSERT_PTR_EQ(test, again, folio);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	anon_test_release_folio(folio);

	again = anon_object_get_folio(obj, pos);
	KUNIT_ASSERT_PTR_EQ(test, again, folio);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	anon_test_release_folio(folio);
}

/* It is no pin: nothing counts it, reclaim looks there, a punch takes it. */
static void anon_object_test_folio_no_pin(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct folio *folio;

	folio = anon_object_get_folio(obj, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	folio_unlock(folio);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(folio));
	KUNIT_EXPECT_FALSE(test, mapping_unevictable(folio->mapping));
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 0, anon_object_size(obj)),
			0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_NULL(test, folio->mapping);
	folio_put(folio);
}

static void anon_test_no_folio(struct kunit *test, struct anon_object *obj,
			       loff_t pos, int err)
{
	struct folio *folio;

	folio = anon_object_get_folio(obj, pos);
	KUNIT_EXPECT_PTR_EQ(test, folio, ERR_PTR(err));
	anon_test_release_folio(folio);
	folio = anon_object_find_folio(obj, pos);
	KUNIT_EXPECT_PTR_EQ(test, folio, ERR_PTR(err));
	anon_test_release_folio(folio);
}

/* There is nothing beyond the size, nor anywhere once it has been purged. */
static void anon_object_test_folio_rejects(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	loff_t size = anon_object_size(obj);
	struct folio *folio;

	anon_test_no_folio(test, obj, -1, -EINVAL);
	anon_test_no_folio(test, obj, LLONG_MIN, -EINVAL);
	anon_test_no_folio(test, obj, size, -EINVAL);
	anon_test_no_folio(test, obj, LLONG_MAX, -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);

	folio = anon_object_get_folio(obj, size - 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	anon_test_release_folio(folio);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
	anon_test_no_folio(test, obj, 0, -EINVAL);
	anon_test_no_folio(test, obj, size - 1, -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* A folio is refused for any broken page in it, and no other folio is. */
static void anon_object_test_folio_broken(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_4M);
	const loff_t bad = 5 * PAGE_SIZE;
	struct folio *folio;
	loff_t first, next;

	anon_test_fill(test, obj);
	folio = anon_object_find_folio(obj, bad);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	first = folio_pos(folio);
	next = first + folio_size(folio);
	anon_test_release_folio(folio);
	anon_test_break(test, folio_file_page(folio, bad >> PAGE_SHIFT));

	anon_test_no_folio(test, obj, bad, -EIO);
	anon_test_no_folio(test, obj, first, -EIO);
	anon_test_no_folio(test, obj, next - 1, -EIO);
	if (next >= anon_object_size(obj))
		return;
	folio = anon_object_find_folio(obj, next);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	anon_test_release_folio(folio);
	folio = anon_object_get_folio(obj, next);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	anon_test_release_folio(folio);
}

/* A broken page cannot be cleared, but those around it can. */
static void anon_object_test_punch_broken(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	const loff_t bad = 5 * PAGE_SIZE, next = bad + PAGE_SIZE;
	struct folio *folio;

	/* Its pages are broken as a whole */
	if (anon_test_is_hugetlb(test))
		return;
	anon_test_fill(test, obj);
	folio = anon_object_find_folio(obj, bad);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	anon_test_release_folio(folio);
	anon_test_break(test, folio_file_page(folio, bad >> PAGE_SHIFT));

	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, bad + 7, 5), -EIO);
	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, next + 7, 5), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, next, 7));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, next + 7, 5));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, next + 12, 100));
}

/* Data begins where a folio does, in the middle of it, or nowhere. */
static void anon_object_test_seek_data(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_4M);
	loff_t size = anon_object_size(obj);
	const loff_t pos = SZ_2M + 5 * PAGE_SIZE + 7;
	struct folio *folio;
	loff_t first, next;

	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, 0), -ENXIO);
	if (IS_ENABLED(CONFIG_SHMEM) && !anon_test_is_hugetlb(test)) {
		/* Allocated, and never written to */
		KUNIT_ASSERT_EQ(test, vfs_fallocate(anon_test_file(test, obj),
						    0, 0, size), 0);
		KUNIT_EXPECT_EQ(test, anon_test_resident(obj), size);
		KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, 0), -ENXIO);
		KUNIT_ASSERT_EQ(test, anon_object_truncate_range(obj, 0, size),
				0);
	}
	KUNIT_ASSERT_EQ(test, anon_object_write(obj, pos, "x", 1), 0);
	folio = anon_object_find_folio(obj, pos);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	first = folio_pos(folio);
	next = first + folio_size(folio);
	anon_test_release_folio(folio);

	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, 0), first);
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, first / 2), first);
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, pos), pos);
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, next - 1), next - 1);
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, next), -ENXIO);
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, size), -ENXIO);
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, LLONG_MAX), -ENXIO);
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, 0), -ENXIO);
}

/* As large as can be, an object is as good as any. */
static void anon_object_test_io_largest(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = MAX_LFS_FILESIZE,
		.huge = ANON_OBJECT_HUGE_NEVER,
		.flags = ANON_OBJECT_NORESERVE,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	const loff_t last = MAX_LFS_FILESIZE - 1;
	struct folio *folio;
	u8 byte = 0;

	KUNIT_ASSERT_EQ(test, anon_object_write(obj, last, "x", 1), 0);
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, last, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, byte, 'x');
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, last, "xx", 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, 0),
			round_down(last, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, anon_object_seek_data(obj, last), last);
	folio = anon_object_get_folio(obj, last);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, folio);
	anon_test_release_folio(folio);

	KUNIT_EXPECT_EQ(test, anon_object_punch(obj, 1, last), 0);
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, last, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, byte, 0);
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 0,
							 MAX_LFS_FILESIZE), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* A purged object is empty for good; what is pinned goes with the pin. */
static void anon_object_test_purge(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct page *page, *other;
	u8 want, got, byte = 1;

	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &page),
			0);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);

	KUNIT_EXPECT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &other),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, 0, &byte, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_write(obj, 0, &byte, 1), -EINVAL);
	anon_test_pattern(&want, 0, 1);
	memcpy_from_page(&got, page, 0, 1);
	KUNIT_EXPECT_EQ(test, got, want);

	anon_object_unpin_pages(obj, &page, 1, ANON_OBJECT_DIRTY);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
}

/* Whose size may change is truncated, not purged; user space's is not ours. */
static void anon_object_test_purge_rejects(struct kunit *test)
{
	const struct anon_test_backend *backend = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_2M,
		.backend = backend->backend,
		.flags = ANON_OBJECT_RESIZABLE,
	};
	struct anon_object *obj;

	if (backend->backend == ANON_OBJECT_HUGETLB)
		anon_test_pool(test, anon_test_huge_pages(test, SZ_2M));
	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), SZ_2M);
}

#if defined(CONFIG_KPROBES) && IS_ENABLED(CONFIG_SHMEM) &&	\
	(defined(CONFIG_X86_64) || defined(CONFIG_ARM64))
/* With which flags, its argument of that number, a task has last called it */
static struct anon_test_gfp {
	struct kprobe probe;
	unsigned int arg;
	pid_t pid;
	gfp_t gfp;
} anon_test_gfp;

static int anon_test_gfp_hit(struct kprobe *probe, struct pt_regs *regs)
{
	if (current->pid == anon_test_gfp.pid)
		anon_test_gfp.gfp = (__force gfp_t)
				    regs_get_kernel_argument(regs,
							     anon_test_gfp.arg);
	return 0;
}

static void anon_test_gfp_end(void *probe)
{
	unregister_kprobe(probe);
}

static void anon_test_gfp_begin(struct kunit *test, const char *function,
				unsigned int arg)
{
	memset(&anon_test_gfp, 0, sizeof(anon_test_gfp));
	anon_test_gfp.arg = arg;
	anon_test_gfp.probe.symbol_name = function;
	anon_test_gfp.probe.pre_handler = anon_test_gfp_hit;
	anon_test_gfp.pid = current->pid;
	KUNIT_ASSERT_EQ(test, register_kprobe(&anon_test_gfp.probe), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, anon_test_gfp_end,
							&anon_test_gfp.probe), 0);
}

/* Read or write a page with @gfp, and see whether shmem is told @want */
static void anon_test_expect_gfp(struct kunit *test, struct anon_object *obj,
				 unsigned int dir, gfp_t gfp, gfp_t want)
{
	u8 *buf = anon_test_buffer(test, PAGE_SIZE);
	struct kvec kvec = { .iov_base = buf, .iov_len = PAGE_SIZE };
	struct iov_iter iter;
	ssize_t ret;

	anon_test_pattern(buf, 0, PAGE_SIZE);
	iov_iter_kvec(&iter, dir, &kvec, 1, PAGE_SIZE);
	anon_test_gfp.gfp = 0;
	if (dir == ITER_SOURCE)
		ret = anon_object_write_iter_gfp(obj, 0, &iter, gfp);
	else
		ret = anon_object_read_iter_gfp(obj, 0, &iter, gfp);
	KUNIT_EXPECT_EQ(test, ret, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, (__force u32)anon_test_gfp.gfp,
			(__force u32)want);
	kunit_kfree(test, buf);
}

/* How hard to try is the caller's to say, but not where the memory is from. */
static void anon_object_test_io_gfp(struct kunit *test)
{
	const gfp_t hard = GFP_KERNEL | __GFP_HIGH | __GFP_RETRY_MAYFAIL |
			   __GFP_NOWARN | __GFP_DMA;
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	gfp_t own = mapping_gfp_mask(anon_test_inode(obj)->i_mapping);

	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "the pool has its own idea");
	anon_test_gfp_begin(test, "shmem_get_folio_gfp", 5);
	anon_test_expect_gfp(test, obj, ITER_SOURCE, hard,
			     own | __GFP_HIGH | __GFP_RETRY_MAYFAIL |
			     __GFP_NOWARN);
	anon_test_need_swap(test);
	KUNIT_ASSERT_GT(test, anon_test_swap_out(obj, PAGE_SIZE), 0);
	anon_test_expect_gfp(test, obj, ITER_DEST, GFP_NOWAIT,
			     (own & ~(__GFP_DIRECT_RECLAIM | __GFP_IO |
				      __GFP_FS)) | __GFP_NOWARN);
	KUNIT_ASSERT_GT(test, anon_test_swap_out(obj, PAGE_SIZE), 0);
	anon_test_expect_gfp(test, obj, ITER_DEST, 0, own);
}

/* What is allocated at once for a pin is not movable, which it will not be. */
static void anon_object_test_pin_gfp(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_64K,
		.huge = ANON_OBJECT_HUGE_NEVER,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct page **pages = anon_test_pages(test, obj);

	anon_test_gfp_begin(test, "alloc_pages_bulk_noprof", 0);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, SZ_64K, pages), 0);
	anon_object_unpin_pages(obj, pages, SZ_64K >> PAGE_SHIFT, 0);
	if (PAGE_SIZE == SZ_64K)
		kunit_skip(test, "there is one page");
	KUNIT_EXPECT_NE(test, (__force u32)anon_test_gfp.gfp, 0);
	KUNIT_EXPECT_EQ(test, (__force u32)(anon_test_gfp.gfp & __GFP_MOVABLE),
			0);
}
#else
static void anon_object_test_io_gfp(struct kunit *test)
{
	kunit_skip(test, "nothing to see the flags with");
}

static void anon_object_test_pin_gfp(struct kunit *test)
{
	kunit_skip(test, "nothing to see the flags with");
}
#endif

static struct kunit_case anon_object_io_cases[] = {
	KUNIT_CASE_PARAM(anon_object_test_write, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_read, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_read_holes,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_io_rejects,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_io_empty,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_read_iter_end,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_write_iter_end,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_iter_segments,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_iter_user,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_write_killed,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_iter_fault,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_iter_self,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_read_shrinking),
	KUNIT_CASE_PARAM(anon_object_test_map, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_map_holes,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_sealed, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_write_dirties,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_io_accesses,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_punch, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_punch_bytes,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_folio_hole,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_folio_resident,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_folio_no_pin,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_folio_rejects,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_folio_broken,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_punch_broken,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_seek_data,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_io_gfp, anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_pin_gfp),
	KUNIT_CASE(anon_object_test_io_largest),
	KUNIT_CASE_PARAM(anon_object_test_purge, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_purge_rejects,
			 anon_test_backend_gen_params),
	{}
};

static struct kunit_suite anon_object_io_suite = {
	.name = "anon_object_io",
	.init = anon_test_init,
	.test_cases = anon_object_io_cases,
};

kunit_test_suite(anon_object_io_suite);
