// SPDX-License-Identifier: GPL-2.0
/*
 * The hugetlb backend: huge pages out of a pool, reserved and never swapped.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <uapi/linux/fcntl.h>

#include "../internal.h"
#include "internal.h"

#ifdef CONFIG_HUGETLBFS
u64 anon_hugetlb_page_size(unsigned int page_shift)
{
	/* An int is what it takes, and shifts by it */
	struct hstate *h = hstate_sizelog(min(page_shift, BITS_PER_LONG));

	return h ? huge_page_size(h) : 0;
}

static vma_flags_t anon_hugetlb_acct(unsigned int flags)
{
	vma_flags_t vma_flags = EMPTY_VMA_FLAGS;

	if (flags & ANON_OBJECT_NORESERVE)
		vma_flags_set(&vma_flags, VMA_NORESERVE_BIT);
	return vma_flags;
}

static struct anon_object *
anon_hugetlb_create(const struct anon_object_attrs *attrs)
{
	u64 page_size = anon_hugetlb_page_size(attrs->page_shift);
	u64 rounded;
	struct inode *inode;

	if (!page_size)
		return ERR_PTR(-EINVAL);
	rounded = ALIGN((u64)attrs->size, page_size);
	if (rounded > MAX_LFS_FILESIZE || rounded > SIZE_MAX)
		return ERR_PTR(-EINVAL);

	inode = hugetlb_object_setup(rounded, anon_hugetlb_acct(attrs->flags),
				     attrs->flags & ANON_OBJECT_HUGETLB_PERM ?
				     HUGETLB_SHMFS_INODE :
				     HUGETLB_ANONHUGE_INODE,
				     attrs->page_shift);
	if (IS_ERR(inode))
		return ERR_CAST(inode);

	inode->i_flags &= ~S_PRIVATE;
	if (attrs->flags & ANON_OBJECT_PRIVATE)
		inode->i_flags |= S_PRIVATE;
	if (!(attrs->flags & ANON_OBJECT_RESIZABLE))
		HUGETLBFS_I(inode)->seals |= F_SEAL_SHRINK | F_SEAL_GROW;
	return anon_hugetlb_from_inode(inode);
}

static struct file *anon_hugetlb_make_file(struct anon_object *obj, int flags,
					   const struct file_operations *fops)
{
	return hugetlb_object_file(obj->inode, anon_object_name(obj), flags, fops);
}

/*
 * The pool has its own idea of how to allocate: @gfp means nothing to it, and it
 * finds reservations by a file.
 */
static struct folio *anon_hugetlb_get_folio(struct anon_object *obj,
					    pgoff_t index, gfp_t gfp)
{
	struct hstate *h = hstate_inode(obj->inode);
	struct file *file = anon_object_base(obj);
	struct folio *folio;

	if (IS_ERR(file))
		return ERR_PTR(-ENOMEM);
	folio = hugetlbfs_get_folio(file, index >> huge_page_order(h), 0);
	return folio == ERR_PTR(-ENOSPC) ? ERR_PTR(-ENOMEM) : folio;
}

static struct folio *anon_hugetlb_find_folio(struct anon_object *obj,
					     pgoff_t index, gfp_t gfp)
{
	struct folio *folio = filemap_get_folio(anon_object_mapping(obj),
						index);

	return IS_ERR(folio) ? NULL : folio;
}

static int anon_hugetlb_drop(struct anon_object *obj, pgoff_t start,
			     pgoff_t end)
{
	guard(rwsem_write)(&obj->inode->i_rwsem);
	return hugetlbfs_punch_hole(obj->inode, (loff_t)start << PAGE_SHIFT,
				    (loff_t)(end - start) << PAGE_SHIFT);
}

/* May bytes @pos up to @end, of one huge page, be cleared? */
static int anon_hugetlb_check_clear(struct anon_object *obj, loff_t pos,
				    loff_t end)
{
	pgoff_t first = pos >> PAGE_SHIFT, last = (end - 1) >> PAGE_SHIFT;
	struct folio *folio;
	int err = 0;

	if (pos >= end)
		return 0;
	folio = anon_hugetlb_find_folio(obj, first, 0);
	if (!folio)
		return 0;
	if (folio_range_hwpoisoned(folio, folio_file_page(folio, first),
				   last - first + 1))
		err = -EIO;
	folio_put(folio);
	return err;
}

static int anon_hugetlb_punch(struct anon_object *obj, struct file *file,
			      loff_t pos, loff_t len)
{
	loff_t size = huge_page_size(hstate_inode(obj->inode));
	loff_t end = pos + len, last = round_down(end, size);
	int err;

	err = anon_hugetlb_check_clear(obj, pos,
				       min(end, round_up(pos, size)));
	if (!err)
		err = anon_hugetlb_check_clear(obj, max(pos, last), end);
	return err ?: hugetlbfs_punch_hole(obj->inode, pos, len);
}

/*
 * Who is about to add a folio has taken it out of the reservation, which would
 * be given back for it a second time.
 */
static void anon_hugetlb_empty(struct anon_object *obj)
{
	hugetlb_fault_mutex_wait(anon_object_mapping(obj),
				 i_size_read(obj->inode) >>
				 huge_page_shift(hstate_inode(obj->inode)));
	hugetlbfs_truncate_from(obj->inode, 0);
}

static int anon_hugetlb_resize(struct anon_object *obj, loff_t size)
{
	struct hstate *h = hstate_inode(obj->inode);
	long from = anon_object_size(obj) >> huge_page_shift(h);
	long to = size >> huge_page_shift(h);
	int err;

	if (size & ~huge_page_mask(h))
		return -EINVAL;
	if (to > from && hugetlb_reserve_pages(obj->inode, from, to, NULL,
					       anon_hugetlb_acct(obj->flags)) < 0)
		return -ENOMEM;

	err = anon_object_resize_inode(obj, size);
	if (err && to > from)
		hugetlb_unreserve_pages(obj->inode, from, to, 0);
	return err;
}

static unsigned int anon_hugetlb_seals(const struct anon_object *obj)
{
	return READ_ONCE(HUGETLBFS_I(obj->inode)->seals);
}

static void anon_hugetlb_stat(const struct anon_object *obj,
			      struct anon_object_stat *stat)
{
	stat->page_size = huge_page_size(hstate_inode(obj->inode));
	stat->resident = (u64)anon_object_cached(obj) << PAGE_SHIFT;
}

const struct anon_backend anon_hugetlb_backend = {
	.name		= "hugetlb",
	.vm_ops		= &hugetlb_vm_ops,
	.create		= anon_hugetlb_create,
	.make_file	= anon_hugetlb_make_file,
	.get_folio	= anon_hugetlb_get_folio,
	.find_folio	= anon_hugetlb_find_folio,
	.drop		= anon_hugetlb_drop,
	.punch		= anon_hugetlb_punch,
	.empty		= anon_hugetlb_empty,
	.resize		= anon_hugetlb_resize,
	.seals		= anon_hugetlb_seals,
	.stat		= anon_hugetlb_stat,
};
#else
struct anon_object *anon_hugetlb_from_inode(struct inode *inode)
{
	return NULL;
}

u64 anon_hugetlb_page_size(unsigned int page_shift)
{
	return 0;
}

static struct anon_object *
anon_hugetlb_create(const struct anon_object_attrs *attrs)
{
	return ERR_PTR(-EINVAL);
}

/* There is no page size to be had */
const struct anon_backend anon_hugetlb_backend = {
	.name		= "hugetlb",
	.create		= anon_hugetlb_create,
};
#endif /* CONFIG_HUGETLBFS */
