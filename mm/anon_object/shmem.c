// SPDX-License-Identifier: GPL-2.0
/*
 * The shmem backend: swappable, with large folios by a policy of the object's.
 *
 * Without CONFIG_SHMEM there is ramfs behind the same functions, and nothing is
 * swapped.
 */
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/ramfs.h>
#include <linux/rmap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/swap_ops.h>
#include <uapi/linux/fcntl.h>

#include "../internal.h"
#include "../swap.h"
#include "internal.h"

static struct anon_object *
anon_shmem_create(const struct anon_object_attrs *attrs)
{
	vma_flags_t vma_flags = EMPTY_VMA_FLAGS;
	struct anon_object *obj;
	struct inode *inode;

	if (!IS_ENABLED(CONFIG_SHMEM) && attrs->huge > ANON_OBJECT_HUGE_NEVER)
		return ERR_PTR(-EOPNOTSUPP);

	if (attrs->flags & ANON_OBJECT_NORESERVE)
		vma_flags_set(&vma_flags, VMA_NORESERVE_BIT);
	inode = shmem_object_setup(attrs->size, vma_flags,
				   attrs->flags & ANON_OBJECT_PRIVATE ?
				   S_PRIVATE : 0);
	if (IS_ERR(inode))
		return ERR_CAST(inode);

	if (!(attrs->flags & ANON_OBJECT_RESIZABLE))
		SHMEM_I(inode)->seals |= F_SEAL_SHRINK | F_SEAL_GROW;
	obj = anon_shmem_from_inode(inode);
	obj->huge = has_transparent_hugepage() ? attrs->huge :
						 ANON_OBJECT_HUGE_NEVER;
	return obj;
}

static struct file *anon_shmem_make_file(struct anon_object *obj, int flags,
					 const struct file_operations *fops)
{
	return shmem_object_file(obj->inode, anon_object_name(obj), flags, fops);
}

static struct folio *anon_shmem_get_folio(struct anon_object *obj,
					  pgoff_t index, gfp_t gfp)
{
	struct folio *folio;

	folio = shmem_read_folio_gfp(anon_object_mapping(obj), index, gfp);
	/* This is said where memory cannot be accounted for */
	return folio == ERR_PTR(-ENOSPC) ? ERR_PTR(-ENOMEM) : folio;
}

/* Would what is in swap at @index come back as a folio that begins before it? */
static bool anon_shmem_swapped_across(struct address_space *mapping,
				      pgoff_t index)
{
	int order = xa_get_order(&mapping->i_pages, index);

	return !IS_ALIGNED(index, 1UL << order);
}

/*
 * Read what is in swap as one, on both sides of @index, so that it can be cut
 * there.  What has a page that cannot be read is in single pages afterwards.
 */
static int anon_shmem_read_across(struct anon_object *obj, pgoff_t index)
{
	struct address_space *mapping = anon_object_mapping(obj);
	struct folio *folio;

	if (!anon_shmem_swapped_across(mapping, index))
		return 0;
	folio = obj->backend->find_folio(obj, index, mapping_gfp_mask(mapping));
	if (IS_ERR(folio))
		return anon_shmem_swapped_across(mapping, index) ?
		       PTR_ERR(folio) : 0;
	if (folio)
		folio_put(folio);
	return 0;
}

/*
 * Have folios end at @index.  One that lies on both sides of it would be
 * cleared in part, under a device that it is pinned for since it was looked at;
 * so it is split, which only goes while it is nobody's.  In swap it is one entry,
 * which a pin would read as one: reading a page of it makes that many.
 */
static int anon_shmem_split_at(struct anon_object *obj, pgoff_t index)
{
	struct address_space *mapping = anon_object_mapping(obj);
	int tries, err = 0;

	for (tries = 0; tries < 10; tries++) {
		struct folio *folio = filemap_lock_folio(mapping, index);

		err = -EAGAIN;
		if (IS_ERR(folio)) {
			if (!anon_shmem_swapped_across(mapping, index))
				return 0;
			anon_shmem_read_across(obj, index);
			continue;
		}
		err = 0;
		if (folio->index < index) {
			folio_wait_writeback(folio);
			err = -EBUSY;
			if (!folio_maybe_dma_pinned(folio))
				err = folio_split(folio, 0,
						  folio_file_page(folio, index),
						  NULL);
		}
		folio_unlock(folio);
		folio_put(folio);
		if (err != -EAGAIN)
			break;
		/* It may be on its way to a list, or be looked at */
		lru_add_drain();
		cond_resched();
	}
	return err ? -EBUSY : 0;
}

/* Whole folios, if they are not in use beyond the range */
static int anon_shmem_drop(struct anon_object *obj, pgoff_t start,
			   pgoff_t end)
{
	bool to_end = (u64)end << PAGE_SHIFT >= i_size_read(obj->inode);
	int err;

	/* The last one may be larger than what is left of the object */
	if (to_end)
		end = round_up(end, BIT(MAX_PAGECACHE_ORDER));
	unmap_mapping_pages(anon_object_mapping(obj), start, end - start,
			    false);
	err = anon_shmem_split_at(obj, start);
	if (!err && !to_end)
		err = anon_shmem_split_at(obj, end);
	if (err)
		return err;
	shmem_truncate_range(obj->inode, (loff_t)start << PAGE_SHIFT,
			     ((loff_t)end << PAGE_SHIFT) - 1);
	return 0;
}

static int anon_shmem_resize(struct anon_object *obj, loff_t size)
{
	int err = 0;

	if (size < i_size_read(obj->inode))
		err = anon_shmem_split_at(obj, DIV_ROUND_UP_ULL(size, PAGE_SIZE));
	return err ?: anon_object_resize_inode(obj, size);
}

static unsigned int anon_shmem_seals(const struct anon_object *obj)
{
	return READ_ONCE(SHMEM_I(obj->inode)->seals);
}

#ifdef CONFIG_SHMEM
static struct folio *anon_shmem_fill_folio(struct anon_object *obj,
					   pgoff_t index, gfp_t gfp)
{
	struct folio *folio;
	int err;

	err = shmem_get_folio_gfp(obj->inode, index, i_size_read(obj->inode),
				  &folio, SGP_OVERWRITE, gfp, NULL, NULL);
	if (err)
		return ERR_PTR(err == -ENOSPC ? -ENOMEM : err);
	if (folio_test_uptodate(folio))
		folio_unlock(folio);
	return folio;
}

static unsigned int anon_shmem_fill_hole(struct anon_object *obj, pgoff_t index,
					 pgoff_t end, gfp_t gfp,
					 struct folio_batch *fbatch)
{
	return shmem_fill_hole(obj->inode, index, end, gfp, fbatch);
}

/* Nothing is added meanwhile, so there is an end to it */
static void anon_shmem_empty(struct anon_object *obj)
{
	unmap_mapping_range(anon_object_mapping(obj), 0, 0, false);
	shmem_truncate_range(obj->inode, 0, -1);
}

static unsigned int anon_shmem_max_order(struct anon_object *obj)
{
	return shmem_max_order(obj->inode);
}

static int anon_shmem_insert_folio(struct anon_object *obj, pgoff_t index,
				   struct folio *folio, gfp_t gfp)
{
	int err = shmem_insert_folio(obj->inode, index, folio, gfp);

	return err == -ENOSPC ? -ENOMEM : err;
}

static struct folio *anon_shmem_find_folio(struct anon_object *obj,
					   pgoff_t index, gfp_t gfp)
{
	struct folio *folio = NULL;
	int err;

	err = shmem_get_folio_gfp(obj->inode, index, 0, &folio, SGP_READ, gfp,
				  NULL, NULL);
	if (folio)
		folio_unlock(folio);
	/* -EINVAL: truncated meanwhile */
	return err && err != -EINVAL ? ERR_PTR(err) : folio;
}

/* Up to @end at most, what there is of one page */
static int anon_shmem_clear(struct anon_object *obj, loff_t pos, loff_t end)
{
	struct address_space *mapping = anon_object_mapping(obj);
	pgoff_t index = pos >> PAGE_SHIFT;
	struct folio *folio;
	size_t offset, len;
	int err = 0;

	folio = anon_shmem_find_folio(obj, index, mapping_gfp_mask(mapping));
	if (IS_ERR_OR_NULL(folio))
		return PTR_ERR_OR_ZERO(folio);

	folio_lock(folio);
	if (folio_range_hwpoisoned(folio, folio_file_page(folio, index), 1)) {
		err = -EIO;
	} else if (folio->mapping == mapping) {
		offset = offset_in_folio(folio, pos);
		len = min_t(loff_t, end - pos, PAGE_SIZE - offset_in_page(pos));
		folio_zero_range(folio, offset, len);
		folio_mark_dirty(folio);
	}
	folio_unlock(folio);
	folio_put(folio);
	return err;
}

/* Truncation clears what it cannot free, but does not say where it could not */
static int anon_shmem_punch(struct anon_object *obj, struct file *file,
			    loff_t pos, loff_t len)
{
	loff_t end = pos + len;
	int err = 0;

	if (!shmem_may_punch(obj->inode))
		return -EPERM;
	if (offset_in_page(pos))
		err = anon_shmem_clear(obj, pos, end);
	if (!err && offset_in_page(end) && round_down(end, PAGE_SIZE) >= pos)
		err = anon_shmem_clear(obj, round_down(end, PAGE_SIZE), end);
	if (!err)
		err = anon_shmem_read_across(obj, DIV_ROUND_UP_ULL(pos,
								   PAGE_SIZE));
	if (!err)
		err = anon_shmem_read_across(obj, end >> PAGE_SHIFT);
	if (!err)
		err = shmem_punch_hole(obj->inode, pos, len);
	return err || !file ? err : file_modified(file);
}

static void anon_shmem_stat(const struct anon_object *obj,
			    struct anon_object_stat *stat)
{
	struct shmem_inode_info *info = SHMEM_I(obj->inode);

	stat->resident = (u64)anon_object_cached(obj) << PAGE_SHIFT;
	/* A number to be told as well, changed under the lock of info */
	stat->swapped = (u64)data_race(READ_ONCE(info->swapped)) << PAGE_SHIFT;
	stat->page_size = PAGE_SIZE;
}

/* Unmapped, and with no reference but the page cache's and the caller's? */
static bool anon_shmem_may_swap_out(struct anon_object *obj,
				    struct folio *folio)
{
	if (folio->mapping != anon_object_mapping(obj) ||
	    folio_test_writeback(folio) || folio_maybe_dma_pinned(folio))
		return false;
	/* Swap would make a good page of it; reclaim does not take it either */
	if (folio_contain_hwpoisoned_page(folio))
		return false;
	if (folio_mapped(folio))
		try_to_unmap(folio, folio_test_pmd_mappable(folio) ?
			     TTU_SPLIT_HUGE_PMD : 0);
	return !folio_mapped(folio) &&
	       folio_ref_count(folio) == folio_nr_pages(folio) + 1;
}

/*
 * Reclaim would come to them in time; what is written already need not wait. The
 * end of a write has put small folios into a batch, which has a reference.
 */
static void anon_shmem_free_written(struct folio_batch *fbatch)
{
	bool drained = false;
	unsigned int i;

	for (i = 0; i < folio_batch_count(fbatch); i++) {
		struct folio *folio = fbatch->folios[i];

		if (folio_test_writeback(folio) || !folio_test_swapcache(folio))
			continue;
		if (!drained && folio_may_be_lru_cached(folio)) {
			lru_add_drain();
			drained = true;
		}
		folio_clear_reclaim(folio);
		if (!folio_trylock(folio))
			continue;
		if (folio_test_swapcache(folio) && !folio_test_dirty(folio) &&
		    !folio_test_writeback(folio))
			shmem_drop_swapcache(folio);
		folio_unlock(folio);
	}
}

/* Returns the number of pages being written, which may be part of the folio */
static long anon_shmem_swap_out_folio(struct anon_object *obj,
				      struct folio *folio,
				      struct swap_io_ctx *ctx, bool *drained)
{
	/*
	 * A batch of folios on their way to another list has a reference. Those
	 * of other CPUs are not waited for, which the OOM killer could not.
	 */
	if (!*drained && folio_may_be_lru_cached(folio) &&
	    !folio_maybe_dma_pinned(folio) &&
	    folio_ref_count(folio) != folio_expected_ref_count(folio) + 1) {
		lru_add_drain();
		*drained = true;
	}
	if (!folio_trylock(folio))
		return 0;
	/* Pairs with filemap_try_pin(): it sees the lock, or its pin is seen */
	smp_mb__after_atomic();
	if (!anon_shmem_may_swap_out(obj, folio))
		goto unlock;
	/* All zeroes still: there is nothing to write */
	if (!folio_clear_dirty_for_io(folio)) {
		remove_mapping(anon_object_mapping(obj), folio);
		goto unlock;
	}

	folio_set_reclaim(folio);
	if (shmem_writeout(ctx, folio, NULL) == AOP_WRITEPAGE_ACTIVATE) {
		folio_clear_reclaim(folio);
		goto unlock;
	}
	return folio_nr_pages(folio);

unlock:
	folio_unlock(folio);
	return 0;
}

static long anon_shmem_swap_out(struct anon_object *obj, pgoff_t start,
				pgoff_t end)
{
	struct swap_io_ctx ctx = {};
	struct folio_batch fbatch;
	struct blk_plug blk_plug;
	unsigned int noreclaim, i;
	bool drained = false;
	long written = 0;

	/*
	 * What is allocated on the way to swap has to do without reclaim, and
	 * without the OOM killer, in which we may be already.
	 */
	noreclaim = memalloc_noreclaim_save();
	blk_start_plug(&blk_plug);
	folio_batch_init(&fbatch);
	while (start < end &&
	       filemap_get_folios(anon_object_mapping(obj), &start, end - 1,
				  &fbatch)) {
		for (i = 0; i < folio_batch_count(&fbatch); i++) {
			struct folio *folio = fbatch.folios[i];
			pgoff_t next = anon_object_folio_end(folio);

			written += anon_shmem_swap_out_folio(obj, folio, &ctx,
							     &drained);
			if (anon_object_folio_end(folio) < next) {
				/* It has been split: see to the other parts */
				start = anon_object_folio_end(folio);
				break;
			}
		}
		anon_shmem_free_written(&fbatch);
		folio_batch_release(&fbatch);
		cond_resched();
	}
	swap_write_submit(&ctx);
	blk_finish_plug(&blk_plug);
	memalloc_noreclaim_restore(noreclaim);
	return written;
}

static int anon_shmem_swap_in(struct anon_object *obj, pgoff_t start,
			      pgoff_t end)
{
	struct address_space *mapping = anon_object_mapping(obj);
	unsigned long index;
	void *entry;

	xa_for_each_range(&mapping->i_pages, index, entry, start, end - 1) {
		struct folio *folio;

		if (!xa_is_value(entry))
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		folio = anon_shmem_find_folio(obj, index,
					      mapping_gfp_mask(mapping));
		if (IS_ERR(folio))
			return PTR_ERR(folio);
		if (folio)
			folio_put(folio);
		cond_resched();
	}
	return 0;
}

static void anon_shmem_set_locked(struct anon_object *obj, bool locked)
{
	struct shmem_inode_info *info = SHMEM_I(obj->inode);

	if (locked)
		info->flags |= SHMEM_F_LOCKED;
	else
		info->flags &= ~SHMEM_F_LOCKED;
}

static void anon_shmem_move_evictable(struct anon_object *obj)
{
	shmem_unlock_mapping(anon_object_mapping(obj));
}
#else
/* filemap_fault() goes by the size alone, which nobody else changes */
static void anon_shmem_empty(struct anon_object *obj)
{
	i_size_write(obj->inode, 0);
	unmap_mapping_range(anon_object_mapping(obj), 0, 0, false);
	shmem_truncate_range(obj->inode, 0, -1);
}

static struct folio *anon_shmem_find_folio(struct anon_object *obj,
					   pgoff_t index, gfp_t gfp)
{
	struct address_space *mapping = anon_object_mapping(obj);
	struct folio *folio = filemap_get_folio(mapping, index);
	bool filled;

	if (IS_ERR(folio))
		return NULL;
	if (folio_test_uptodate(folio))
		return folio;

	/* Whoever has added it is just clearing it, or else it is a hole */
	folio_lock(folio);
	filled = folio->mapping == mapping && folio_test_uptodate(folio);
	folio_unlock(folio);
	if (filled)
		return folio;
	folio_put(folio);
	return NULL;
}

static void anon_shmem_stat(const struct anon_object *obj,
			    struct anon_object_stat *stat)
{
	stat->resident = (u64)anon_object_cached(obj) << PAGE_SHIFT;
	stat->page_size = PAGE_SIZE;
}

/* All that there is has stayed in memory */
static int anon_shmem_swap_in(struct anon_object *obj, pgoff_t start,
			      pgoff_t end)
{
	return 0;
}

static void anon_shmem_set_locked(struct anon_object *obj, bool locked)
{
}
#endif /* CONFIG_SHMEM */

const struct anon_backend anon_shmem_backend = {
	.name		= "shmem",
	.create		= anon_shmem_create,
	.make_file	= anon_shmem_make_file,
	.get_folio	= anon_shmem_get_folio,
	.find_folio	= anon_shmem_find_folio,
	.drop		= anon_shmem_drop,
	.empty		= anon_shmem_empty,
	.resize		= anon_shmem_resize,
	.seals		= anon_shmem_seals,
	.stat		= anon_shmem_stat,
	.swap_in	= anon_shmem_swap_in,
	.set_locked	= anon_shmem_set_locked,
#ifdef CONFIG_SHMEM
	.fill_folio	= anon_shmem_fill_folio,
	.fill_hole	= anon_shmem_fill_hole,
	.max_order	= anon_shmem_max_order,
	.insert_folio	= anon_shmem_insert_folio,
	.punch		= anon_shmem_punch,
	.vm_ops		= &shmem_anon_vm_ops,
	.swap_out	= anon_shmem_swap_out,
	.move_evictable	= anon_shmem_move_evictable,
#else
	.vm_ops		= &generic_file_vm_ops,
#endif
};
