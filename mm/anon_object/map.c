// SPDX-License-Identifier: GPL-2.0
/*
 * An object's memory, pinned and mapped into the kernel.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../vmalloc.h"
#include "internal.h"

#ifdef CONFIG_MMU
#define ANON_MAP_PAGES	(PMD_SIZE >> PAGE_SHIFT)

/* Pages that are to be mapped next, up to where an entry of a PMD ends */
struct anon_mapping {
	unsigned long addr;
	pgprot_t prot;
	unsigned int nr;
	struct page **pages;
};

static int anon_map_pages(struct anon_mapping *m, unsigned int page_shift)
{
	unsigned long end = m->addr + m->nr * PAGE_SIZE;
	int err;

	err = vmap_pages_range(m->addr, end, m->prot, m->pages, page_shift);
	m->addr = end;
	m->nr = 0;
	return err;
}

static int anon_map_segment(struct anon_mapping *m, struct page *page,
			    unsigned long nr)
{
	while (nr) {
		unsigned long addr = m->addr + m->nr * PAGE_SIZE;
		unsigned long part = min(nr, (PMD_SIZE - (addr & ~PMD_MASK)) >>
					     PAGE_SHIFT);
		/* vmalloc has pages where large mappings are not to be had */
		bool large = part == ANON_MAP_PAGES &&
			     IS_ALIGNED(page_to_pfn(page), ANON_MAP_PAGES);
		unsigned long i;
		int err;

		for (i = 0; i < part; i++)
			m->pages[m->nr++] = page + i;
		if (IS_ALIGNED(addr + part * PAGE_SIZE, PMD_SIZE)) {
			err = anon_map_pages(m, large ? PMD_SHIFT : PAGE_SHIFT);
			if (err)
				return err;
		}
		page += part;
		nr -= part;
	}
	return 0;
}

static int anon_map_segments(struct anon_mapping *m, struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;
	int err;

	for_each_sgtable_sg(sgt, sg, i) {
		err = anon_map_segment(m, sg_page(sg),
				       sg->length >> PAGE_SHIFT);
		if (err)
			return err;
	}
	return m->nr ? anon_map_pages(m, PAGE_SHIFT) : 0;
}

/* Aligned such that large folios can get large mappings */
static void *anon_map_sgt(struct sg_table *sgt, size_t len, pgprot_t prot)
{
	struct anon_mapping m = { .prot = prot };
	struct vm_struct *area;
	int err;

	m.pages = kvmalloc_array(min(len >> PAGE_SHIFT, ANON_MAP_PAGES),
				 sizeof(*m.pages), GFP_KERNEL);
	if (!m.pages)
		return NULL;
	area = __get_vm_area_node(len, len < PMD_SIZE ? PAGE_SIZE : PMD_SIZE,
				  PAGE_SHIFT, VM_MAP, VMALLOC_START,
				  VMALLOC_END, NUMA_NO_NODE, GFP_KERNEL,
				  __builtin_return_address(0));
	if (!area)
		goto err_pages;

	m.addr = (unsigned long)area->addr;
	err = anon_map_segments(&m, sgt);
	if (err)
		goto err_area;
	kvfree(m.pages);
	return area->addr;

err_area:
	free_vm_area(area);
err_pages:
	kvfree(m.pages);
	return NULL;
}

static void anon_unmap(void *vaddr)
{
	vunmap(vaddr);
}
#else
/* It is mapped where it is, if it is in one piece */
static void *anon_map_sgt(struct sg_table *sgt, size_t len, pgprot_t prot)
{
	return sgt->orig_nents == 1 ? sg_virt(sgt->sgl) : NULL;
}

static void anon_unmap(void *vaddr)
{
}
#endif /* CONFIG_MMU */

/**
 * anon_object_vmap - pin a range and map it into the kernel
 * @obj: the object
 * @pos: where to begin, in bytes, a multiple of the page size
 * @len: bytes, a multiple of the page size
 * @prot: PAGE_KERNEL, or what else the mapping is to be
 * @map: gets the mapping, in @map->vaddr
 *
 * Context: May sleep, allocates; see "locking".
 * Return: 0, or an error of anon_object_pin_sgt().
 */
int anon_object_vmap(struct anon_object *obj, loff_t pos, size_t len,
		     pgprot_t prot, struct anon_object_map *map)
{
	int err;

	err = anon_object_pin_sgt(obj, pos, len, UINT_MAX, &map->sgt);
	if (err)
		return err;

	map->vaddr = anon_map_sgt(&map->sgt, len, prot);
	if (!map->vaddr) {
		anon_object_unpin_sgt(obj, &map->sgt, 0);
		return -ENOMEM;
	}
	map->size = len;
	return 0;
}
EXPORT_SYMBOL_GPL(anon_object_vmap);

/**
 * anon_object_vunmap - undo anon_object_vmap()
 * @obj: the object
 * @map: what it had returned
 * @flags: %ANON_OBJECT_DIRTY, %ANON_OBJECT_ACCESSED
 *
 * Context: May sleep, does not allocate.
 */
void anon_object_vunmap(struct anon_object *obj, struct anon_object_map *map,
			unsigned int flags)
{
	anon_unmap(map->vaddr);
	anon_object_unpin_sgt(obj, &map->sgt, flags);
	map->vaddr = NULL;
}
EXPORT_SYMBOL_GPL(anon_object_vunmap);
