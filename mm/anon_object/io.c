// SPDX-License-Identifier: GPL-2.0
/*
 * Reading and writing an object.
 *
 * A read is made with a reference to the folio but without its lock, so that it
 * may fault, even on a mapping of the same folio.  A write has the lock, for what
 * is written while the folio is being migrated would be lost; so it must not
 * fault, and what is missing of it is made available and written in another turn.
 *
 * A folio that a write has made is not cleared first.  Nobody may see what it
 * held before, so what is missing of it then is cleared.
 */
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/swap.h>
#include <linux/uio.h>
#include <uapi/linux/fcntl.h>

#include "../internal.h"
#include "internal.h"

/*
 * Bytes from @pos on that are in the folio, and within @end.  Where it has a
 * memory error, that is looked for page by page.
 */
static size_t anon_io_bytes(struct folio *folio, loff_t pos, loff_t end)
{
	size_t size = PAGE_SIZE - offset_in_page(pos);

	if (folio && !folio_contain_hwpoisoned_page(folio))
		size = folio_size(folio) - offset_in_folio(folio, pos);
	return min_t(loff_t, size, end - pos);
}

/* The folio, unless its page at @pos has a memory error */
static struct folio *anon_io_check_page(struct folio *folio, loff_t pos)
{
	if (likely(!folio_contain_hwpoisoned_page(folio)))
		return folio;
	if (!folio_range_hwpoisoned(folio, folio_file_page(folio,
							   pos >> PAGE_SHIFT), 1))
		return folio;
	folio_put(folio);
	return ERR_PTR(-EIO);
}

/*
 * Nothing is to change any more once F_ADD_SEALS has returned, however long a
 * write has waited for its data; so it fails meanwhile, as it does while there
 * are mappings that can be written to.
 */
static int anon_io_begin_write(struct anon_object *obj)
{
	if (obj->backend->seals(obj) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	return mapping_map_writable(anon_object_mapping(obj));
}

static void anon_io_end_write(struct anon_object *obj)
{
	mapping_unmap_writable(anon_object_mapping(obj));
}

/* How hard to try may be the caller's, where the memory is from is the object's */
static gfp_t anon_io_gfp(struct anon_object *obj, gfp_t gfp)
{
	gfp_t own = mapping_gfp_mask(anon_object_mapping(obj));

	if (!gfp)
		return own;
	return (own & ~GFP_RECLAIM_MASK) | (gfp & GFP_RECLAIM_MASK);
}

/* What is simply there is nothing to be asked for, nor to be charged to anybody */
static struct folio *anon_io_resident(struct anon_object *obj, loff_t pos)
{
	struct folio *folio;

	folio = filemap_get_folio(anon_object_mapping(obj), pos >> PAGE_SHIFT);
	if (IS_ERR(folio))
		return NULL;
	if (folio_test_uptodate(folio))
		return folio;
	folio_put(folio);
	return NULL;
}

static struct folio *anon_io_get_folio(struct anon_object *obj, loff_t pos,
				       gfp_t gfp)
{
	struct mem_cgroup *memcg, *old;
	struct folio *folio;

	gfp = anon_io_gfp(obj, gfp);
	memcg = anon_object_enter_memcg(obj, &old);
	folio = obj->backend->get_folio(obj, pos >> PAGE_SHIFT, gfp);
	anon_object_exit_memcg(memcg, old);
	return IS_ERR(folio) ? folio : anon_io_check_page(folio, pos);
}

/* Locked, and still the object's; NULL if it no longer is */
static struct folio *anon_io_lock_folio(struct anon_object *obj,
					struct folio *folio)
{
	folio_lock(folio);
	if (likely(folio->mapping == anon_object_mapping(obj)))
		return folio;
	folio_unlock(folio);
	folio_put(folio);
	return NULL;
}

static struct folio *anon_io_get_locked(struct anon_object *obj, loff_t pos,
					gfp_t gfp)
{
	struct folio *folio;

	do {
		folio = anon_io_get_folio(obj, pos, gfp);
		if (!IS_ERR(folio))
			folio = anon_io_lock_folio(obj, folio);
	} while (!folio);
	return folio;
}

/* Locked as well; what is not uptodate is to be filled */
static struct folio *anon_io_fill_folio(struct anon_object *obj, loff_t pos,
					gfp_t gfp)
{
	struct mem_cgroup *memcg, *old;
	struct folio *folio;

	if (!obj->backend->fill_folio)
		return anon_io_get_locked(obj, pos, gfp);

	folio = anon_io_resident(obj, pos);
	if (!folio) {
		memcg = anon_object_enter_memcg(obj, &old);
		folio = obj->backend->fill_folio(obj, pos >> PAGE_SHIFT,
						 anon_io_gfp(obj, gfp));
		anon_object_exit_memcg(memcg, old);
		if (IS_ERR(folio))
			return folio;
		if (!folio_test_uptodate(folio)) {
			if (likely(!folio_contain_hwpoisoned_page(folio)))
				return folio;
			folio_unlock(folio);
			folio_put(folio);
			return anon_io_get_locked(obj, pos, gfp);
		}
	}
	folio = anon_io_check_page(folio, pos);
	if (!IS_ERR(folio))
		folio = anon_io_lock_folio(obj, folio);
	return folio ?: anon_io_get_locked(obj, pos, gfp);
}

static struct folio *anon_io_find_folio(struct anon_object *obj, loff_t pos,
					gfp_t gfp)
{
	struct mem_cgroup *memcg, *old;
	struct folio *folio;

	folio = anon_io_resident(obj, pos);
	if (!folio) {
		memcg = anon_object_enter_memcg(obj, &old);
		folio = obj->backend->find_folio(obj, pos >> PAGE_SHIFT,
						 anon_io_gfp(obj, gfp));
		anon_object_exit_memcg(memcg, old);
		if (IS_ERR_OR_NULL(folio))
			return folio;
	}
	/* Writes through mappings may be in another alias of the cache */
	if (mapping_writably_mapped(anon_object_mapping(obj)))
		flush_dcache_folio(folio);
	return anon_io_check_page(folio, pos);
}

/* Locked, and still the object's; NULL where there is a hole */
static struct folio *anon_io_find_locked(struct anon_object *obj, loff_t pos)
{
	struct folio *folio;

	do {
		folio = anon_io_find_folio(obj, pos, 0);
		if (IS_ERR_OR_NULL(folio))
			return folio;
		folio = anon_io_lock_folio(obj, folio);
	} while (!folio);
	return folio;
}

/* Whoever gets all of a folio may touch any page of it */
static struct folio *anon_io_check_folio(struct folio *folio)
{
	if (IS_ERR_OR_NULL(folio) ||
	    likely(!folio_contain_hwpoisoned_page(folio)))
		return folio;
	folio_unlock(folio);
	folio_put(folio);
	return ERR_PTR(-EIO);
}

static int anon_io_check_pos(struct anon_object *obj, loff_t pos)
{
	if (!obj->backend->get_folio)
		return -EOPNOTSUPP;
	return pos < 0 || pos >= anon_object_size(obj) ? -EINVAL : 0;
}

/**
 * DOC: folios
 *
 * Who works on an object's memory for a moment, and has nothing to copy it to,
 * can have a reference to a folio in place of a pin: from
 * anon_object_find_folio() to read it, from anon_object_get_folio() to write to
 * it.  It is locked.  What gives it back is folio_unlock() and folio_put().
 *
 * While it is locked, the folio stays in the object.  After that, for as long as
 * there is the reference, it is neither swapped out, nor moved, nor split.  But
 * this is no pin: the folio may be in ZONE_MOVABLE or CMA, reclaim looks at it in
 * vain, and a punch does not know of it, and takes the folio away.  So it should
 * not be for long.
 */

/**
 * anon_object_get_folio - have a folio of an object, to write to it
 * @obj: the object, to which the caller has a reference
 * @pos: a byte that is to be in the folio
 *
 * A hole is filled with zeroes, in a folio as large as the backend makes it for
 * a write there. The folio is dirty from now on. Whether the object is sealed
 * against writing is for the caller to know.
 *
 * Context: May sleep, allocates; the caller holds no lock of a folio of @obj.
 * Return: The folio, locked and with a reference, or an ERR_PTR():
 *
 * * -EINVAL: @pos is not within the object
 * * -ENOMEM: no memory, or too few pages in the hugetlb pool
 * * -EIO: swap could not be read, or there is a broken page in the folio; what
 *   is around that can be read and written still
 * * -EOPNOTSUPP: it is a pages object
 */
struct folio *anon_object_get_folio(struct anon_object *obj, loff_t pos)
{
	struct folio *folio;
	int err;

	err = anon_io_check_pos(obj, pos);
	if (err)
		return ERR_PTR(err);
	folio = anon_io_check_folio(anon_io_get_locked(obj, pos, 0));
	if (!IS_ERR(folio))
		folio_mark_dirty(folio);
	return folio;
}
EXPORT_SYMBOL_GPL(anon_object_get_folio);

/**
 * anon_object_find_folio - have a folio of an object, to read it
 * @obj: the object, to which the caller has a reference
 * @pos: a byte that is to be in the folio
 *
 * What is in swap is read back, a hole stays one. Who writes to the folio after
 * all calls folio_mark_dirty().
 *
 * Context: May sleep, allocates; the caller holds no lock of a folio of @obj.
 * Return: The folio, locked and with a reference; NULL where there is a hole; or
 * an ERR_PTR() of anon_object_get_folio().
 */
struct folio *anon_object_find_folio(struct anon_object *obj, loff_t pos)
{
	int err;

	err = anon_io_check_pos(obj, pos);
	if (err)
		return ERR_PTR(err);
	return anon_io_check_folio(anon_io_find_locked(obj, pos));
}
EXPORT_SYMBOL_GPL(anon_object_find_folio);

/**
 * anon_object_seek_data - find what is not a hole
 * @obj: the object
 * @pos: where to begin, in bytes
 *
 * As lseek(SEEK_DATA) has it: what has been allocated but never written to is a
 * hole, what is in swap is none.
 *
 * Context: May sleep.
 * Return: The first byte from @pos on that is in no hole, or
 *
 * * -ENXIO: there is none within the object
 * * -EINVAL: @pos is negative
 * * -EOPNOTSUPP: it is a pages object
 */
loff_t anon_object_seek_data(struct anon_object *obj, loff_t pos)
{
	if (!obj->backend->find_folio)
		return -EOPNOTSUPP;
	if (pos < 0)
		return -EINVAL;
	return mapping_seek_hole_data(anon_object_mapping(obj), pos,
				      anon_object_size(obj), SEEK_DATA);
}
EXPORT_SYMBOL_GPL(anon_object_seek_data);

/**
 * anon_object_read_iter_gfp - read an object to an iterator
 * @obj: the object
 * @pos: where to begin, in bytes
 * @to: where to copy it, and how much
 * @gfp: how hard to try to have memory to read swap to; 0: as the object does
 *
 * Holes read as zeroes, and stay holes.
 *
 * Context: May sleep, allocates; may fault if @to is user space's.
 * Return: The number of bytes read, which is less than asked for at the end of
 * the object, or where a fault or an error has ended it; or, if that is none,
 *
 * * -EINVAL: @pos is negative
 * * -EFAULT: user space's memory could not be accessed
 * * -ENOMEM: no memory to read swap to
 * * -EIO: swap could not be read, or the memory is broken
 * * -EOPNOTSUPP: it is a pages object
 */
ssize_t anon_object_read_iter_gfp(struct anon_object *obj, loff_t pos,
				  struct iov_iter *to, gfp_t gfp)
{
	ssize_t done = 0;
	int err = 0;

	if (pos < 0)
		return -EINVAL;
	if (!obj->backend->find_folio)
		return -EOPNOTSUPP;

	while (iov_iter_count(to)) {
		loff_t end = anon_object_size(obj);
		size_t copied, len;
		struct folio *folio;

		if (pos >= end)
			break;
		folio = anon_io_find_folio(obj, pos, gfp);
		if (IS_ERR(folio)) {
			err = PTR_ERR(folio);
			break;
		}

		len = anon_io_bytes(folio, pos, end);
		len = min(len, iov_iter_count(to));
		if (folio) {
			copied = copy_folio_to_iter(folio,
						    offset_in_folio(folio, pos),
						    len, to);
			folio_mark_accessed(folio);
			folio_put(folio);
		} else {
			copied = iov_iter_zero(len, to);
		}

		pos += copied;
		done += copied;
		if (copied < len) {
			err = -EFAULT;
			break;
		}
		cond_resched();
	}
	return done ?: err;
}
EXPORT_SYMBOL_GPL(anon_object_read_iter_gfp);

/**
 * anon_object_read_iter - read an object to an iterator
 * @obj: the object
 * @pos: where to begin, in bytes
 * @to: where to copy it, and how much
 *
 * Context: May sleep, allocates; may fault if @to is user space's.
 * Return: As anon_object_read_iter_gfp().
 */
ssize_t anon_object_read_iter(struct anon_object *obj, loff_t pos,
			      struct iov_iter *to)
{
	return anon_object_read_iter_gfp(obj, pos, to, 0);
}
EXPORT_SYMBOL_GPL(anon_object_read_iter);

/* Returns how much has been copied, which may be less, for it does not fault */
static size_t anon_io_copy_from(struct folio *folio, loff_t pos, size_t len,
				struct iov_iter *from)
{
	size_t offset = offset_in_folio(folio, pos), copied;
	bool fill = !folio_test_uptodate(folio);

	copied = copy_folio_from_iter_atomic(folio, offset, len, from);
	if (fill)
		folio_zero_segments(folio, 0, offset, offset + copied,
				    folio_size(folio));
	flush_dcache_folio(folio);
	if (fill)
		folio_mark_uptodate(folio);
	folio_mark_dirty(folio);
	folio_mark_accessed(folio);
	return copied;
}

/**
 * anon_object_write_iter_gfp - write an object from an iterator
 * @obj: the object
 * @pos: where to begin, in bytes
 * @from: what to copy, and how much
 * @gfp: how hard to try to have memory; 0: as the object does. Who is to free
 *	memory says so, with __GFP_HIGH for instance.
 *
 * The size does not change.  Meanwhile the file cannot be sealed against
 * writing.
 *
 * Context: May sleep, allocates; may fault if @from is user space's.
 * Return: The number of bytes written, which is less than asked for where the
 * object ends, or where a fault or an error has ended it; or, if that is none,
 *
 * * -EINVAL: @pos is negative
 * * -EPERM: the file is sealed against writing
 * * -ENOSPC: @pos is not within the object
 * * -EFAULT: user space's memory could not be accessed
 * * -EINTR: a fatal signal is pending, and @from is user space's
 * * -ENOMEM: no memory, or too few pages in the hugetlb pool
 * * -EIO: swap could not be read, or the memory is broken
 * * -EOPNOTSUPP: it is a pages object
 */
ssize_t anon_object_write_iter_gfp(struct anon_object *obj, loff_t pos,
				   struct iov_iter *from, gfp_t gfp)
{
	ssize_t done = 0;
	int err;

	if (pos < 0)
		return -EINVAL;
	if (!obj->backend->get_folio)
		return -EOPNOTSUPP;
	err = anon_io_begin_write(obj);
	if (err)
		return err;

	while (iov_iter_count(from)) {
		loff_t end = anon_object_size(obj);
		size_t copied, len;
		struct folio *folio;

		/* As write(2) does; what the kernel has to say, it says to its end */
		err = -EINTR;
		if (user_backed_iter(from) && fatal_signal_pending(current))
			break;
		err = -ENOSPC;
		if (pos >= end)
			break;
		folio = anon_io_fill_folio(obj, pos, gfp);
		/* Truncated meanwhile? */
		if (folio == ERR_PTR(-EINVAL))
			break;
		err = PTR_ERR_OR_ZERO(folio);
		if (err)
			break;

		len = anon_io_bytes(folio, pos, end);
		len = min(len, iov_iter_count(from));
		copied = anon_io_copy_from(folio, pos, len, from);
		folio_unlock(folio);
		folio_put(folio);

		pos += copied;
		done += copied;
		err = -EFAULT;
		if (!copied && fault_in_iov_iter_readable(from, len) == len)
			break;
		cond_resched();
	}
	anon_io_end_write(obj);
	return done ?: err;
}
EXPORT_SYMBOL_GPL(anon_object_write_iter_gfp);

/**
 * anon_object_write_iter - write an object from an iterator
 * @obj: the object
 * @pos: where to begin, in bytes
 * @from: what to copy, and how much
 *
 * Context: May sleep, allocates; may fault if @from is user space's.
 * Return: As anon_object_write_iter_gfp().
 */
ssize_t anon_object_write_iter(struct anon_object *obj, loff_t pos,
			       struct iov_iter *from)
{
	return anon_object_write_iter_gfp(obj, pos, from, 0);
}
EXPORT_SYMBOL_GPL(anon_object_write_iter);

/**
 * DOC: donation
 *
 * Whoever has memory of its own that is to go to swap, a shrinker for instance,
 * can copy it to an object; but the copy needs memory, just when there is none.
 * anon_object_insert() gives the memory itself to the object, which can then be
 * swapped as any other.  What it allocates is nodes of the object's tree only.
 *
 * The folio has to be one that the object might have had from the page allocator:
 * what is allocated with __GFP_COMP, and not as a row of pages.  It is not larger
 * than anon_object_max_order(), or else folio_split_owned() makes it smaller, and
 * the kernel's mapping of it is cached.  Nobody else may have anything to do with
 * it.  What the driver has kept in its private data, or counted it as, is to be
 * taken back first.
 */

/**
 * anon_object_max_order - how large a folio can be inserted
 * @obj: the object
 *
 * That is what swap takes in one piece, now: it is 0 where large folios have been
 * denied to shmem.
 *
 * Context: Any.
 * Return: The order, in pages as a power of two.
 */
unsigned int anon_object_max_order(struct anon_object *obj)
{
	return obj->backend->max_order ? obj->backend->max_order(obj) : 0;
}
EXPORT_SYMBOL_GPL(anon_object_max_order);

/* Is it the caller's alone, and such a one as the object would have allocated? */
static int anon_io_check_insert(struct anon_object *obj, loff_t pos,
				struct folio *folio)
{
	size_t size = folio_size(folio);

	if (anon_object_check_range(obj, pos, size, PAGE_SIZE) ||
	    !IS_ALIGNED(pos, size))
		return -EINVAL;
	if (folio_test_large(folio) && !folio_test_large_rmappable(folio))
		return -EINVAL;
	if (folio_zonenum(folio) >
	    gfp_zone(mapping_gfp_mask(anon_object_mapping(obj))))
		return -EXDEV;
	if (folio_order(folio) > anon_object_max_order(obj))
		return -E2BIG;
	if (folio_contain_hwpoisoned_page(folio))
		return -EIO;
	if (folio->flags.f & PAGE_FLAGS_CHECK_AT_FREE || folio->mapping ||
	    folio_get_private(folio) || page_has_type(&folio->page) ||
	    folio_mapped(folio) || folio_memcg_charged(folio) ||
	    folio_ref_count(folio) != 1)
		return -EBUSY;
	return 0;
}

/**
 * anon_object_insert - give memory to an object
 * @obj: the object, of shmem
 * @pos: where to, in bytes, aligned to the folio's size
 * @folio: the memory, and what is in it
 * @gfp: how to allocate what it needs besides, as in GFP_KERNEL | __GFP_HIGH
 *
 * See "donation". If it succeeds, the caller's reference has gone, and the folio
 * is the object's: dirty, charged to the object's creator, and reclaim finds it.
 * If it fails, it is the caller's as it was before, who may copy it.
 *
 * Context: May sleep, allocates; the caller holds no lock of a folio of @obj.
 * Return: 0, or
 *
 * * -EINVAL: the range is not within the object, or not aligned; the memory is no
 *   folio, or the object is dead
 * * -EEXIST: there is something already, in memory or in swap
 * * -E2BIG: it is larger than anon_object_max_order()
 * * -EXDEV: it is of a zone that the object's flags do not allow
 * * -EBUSY: somebody else has to do with it: there are references, mappings,
 *   private data, a lock, a charge
 * * -EIO: there is a broken page in it
 * * -EPERM: the file is sealed against writing
 * * -ENOMEM: no memory, or no charge
 * * -EOPNOTSUPP: it is no shmem object, or there is no shmem
 */
int anon_object_insert(struct anon_object *obj, loff_t pos, struct folio *folio,
		       gfp_t gfp)
{
	struct mem_cgroup *memcg, *old;
	int err;

	if (!obj->backend->insert_folio)
		return -EOPNOTSUPP;
	err = anon_io_check_insert(obj, pos, folio);
	if (!err)
		err = anon_io_begin_write(obj);
	if (err)
		return err;

	memcg = anon_object_enter_memcg(obj, &old);
	err = obj->backend->insert_folio(obj, pos >> PAGE_SHIFT, folio, gfp);
	anon_object_exit_memcg(memcg, old);
	anon_io_end_write(obj);
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_insert);

/**
 * anon_object_read - read an object to a buffer
 * @obj: the object
 * @pos: where to begin, in bytes
 * @buf: where to copy it
 * @len: bytes
 *
 * Context: May sleep, allocates.
 * Return: 0 if all was read, or
 *
 * * -EINVAL: the range is not within the object
 * * an error of anon_object_read_iter()
 */
int anon_object_read(struct anon_object *obj, loff_t pos, void *buf, size_t len)
{
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	ssize_t ret;

	ret = anon_object_check_bytes(obj, pos, len);
	if (ret)
		return ret;
	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, len);
	/* An error that comes after some of it has to be asked for */
	do {
		ret = anon_object_read_iter(obj, pos, &iter);
		pos += ret;
	} while (ret > 0 && iov_iter_count(&iter));
	if (ret < 0)
		return ret;
	return iov_iter_count(&iter) ? -EIO : 0;
}
EXPORT_SYMBOL_GPL(anon_object_read);

/**
 * anon_object_write - write an object from a buffer
 * @obj: the object
 * @pos: where to begin, in bytes
 * @buf: what to copy
 * @len: bytes
 *
 * Context: May sleep, allocates.
 * Return: 0 if all was written, or
 *
 * * -EINVAL: the range is not within the object
 * * an error of anon_object_write_iter()
 */
int anon_object_write(struct anon_object *obj, loff_t pos, const void *buf,
		      size_t len)
{
	struct kvec kvec = { .iov_base = (void *)buf, .iov_len = len };
	struct iov_iter iter;
	ssize_t ret;

	ret = anon_object_check_bytes(obj, pos, len);
	if (ret)
		return ret;
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, len);
	do {
		ret = anon_object_write_iter(obj, pos, &iter);
		pos += ret;
	} while (ret > 0 && iov_iter_count(&iter));
	return ret < 0 ? ret : 0;
}
EXPORT_SYMBOL_GPL(anon_object_write);

/**
 * anon_object_read_map - read an object to memory that may be a device's
 * @obj: the object
 * @pos: where to begin, in bytes
 * @dst: where to copy it
 * @dst_offset: where in @dst to begin, in bytes
 * @len: bytes
 *
 * Context: May sleep, allocates.
 * Return: 0, or an error of anon_object_read(); part of it may have been read.
 */
int anon_object_read_map(struct anon_object *obj, loff_t pos,
			 struct iosys_map *dst, size_t dst_offset, size_t len)
{
	int err;

	err = anon_object_check_bytes(obj, pos, len);
	if (!err && !obj->backend->find_folio)
		err = -EOPNOTSUPP;
	while (len && !err) {
		struct folio *folio = anon_io_find_folio(obj, pos, 0);
		size_t part = min_t(size_t, len,
				    PAGE_SIZE - offset_in_page(pos));

		if (IS_ERR(folio))
			return PTR_ERR(folio);
		if (folio) {
			void *src = kmap_local_folio(folio,
					offset_in_folio(folio, pos));

			iosys_map_memcpy_to(dst, dst_offset, src, part);
			kunmap_local(src);
			folio_put(folio);
		} else {
			iosys_map_memset(dst, dst_offset, 0, part);
		}
		pos += part;
		dst_offset += part;
		len -= part;
		cond_resched();
	}
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_read_map);

/**
 * anon_object_write_map - write an object from memory that may be a device's
 * @obj: the object
 * @pos: where to begin, in bytes
 * @src: what to copy
 * @src_offset: where in @src to begin, in bytes
 * @len: bytes
 *
 * Context: May sleep, allocates.
 * Return: 0, or an error of anon_object_write(); part of it may have been
 * written.
 */
int anon_object_write_map(struct anon_object *obj, loff_t pos,
			  const struct iosys_map *src, size_t src_offset,
			  size_t len)
{
	int err;

	err = anon_object_check_bytes(obj, pos, len);
	if (!err && !obj->backend->get_folio)
		err = -EOPNOTSUPP;
	if (!err)
		err = anon_io_begin_write(obj);
	if (err)
		return err;

	while (len) {
		struct folio *folio = anon_io_get_locked(obj, pos, 0);
		size_t part = min_t(size_t, len,
				    PAGE_SIZE - offset_in_page(pos));
		void *dst;

		err = PTR_ERR_OR_ZERO(folio);
		if (err)
			break;
		dst = kmap_local_folio(folio, offset_in_folio(folio, pos));
		iosys_map_memcpy_from(dst, src, src_offset, part);
		kunmap_local(dst);
		flush_dcache_folio(folio);
		folio_mark_dirty(folio);
		folio_unlock(folio);
		folio_put(folio);
		pos += part;
		src_offset += part;
		len -= part;
		cond_resched();
	}
	anon_io_end_write(obj);
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_write_map);
