/*
 * overwrite(relation, block, at, bytes): writes over a page in the buffer cache, past the WAL, and
 * returns what was there. For tests of damage: thousands of cases need no restart.
 */
#include "postgres.h"

#include "access/relation.h"
#include "fmgr.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(overwrite);

Datum
overwrite(PG_FUNCTION_ARGS)
{
	Relation	relation = relation_open(PG_GETARG_OID(0), AccessShareLock);
	BlockNumber block = (BlockNumber) PG_GETARG_INT32(1);
	int			at = PG_GETARG_INT32(2);
	bytea	   *bytes = PG_GETARG_BYTEA_PP(3);
	int			length = VARSIZE_ANY_EXHDR(bytes);
	bytea	   *before = palloc(VARHDRSZ + length);
	Buffer		buffer;

	if (at < 0 || at + length > BLCKSZ)
		elog(ERROR, "%d bytes at %d do not lie on a page", length, at);
	buffer = ReadBuffer(relation, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	SET_VARSIZE(before, VARHDRSZ + length);
	memcpy(VARDATA(before), BufferGetPage(buffer) + at, length);
	memcpy(BufferGetPage(buffer) + at, VARDATA_ANY(bytes), length);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	relation_close(relation, AccessShareLock);
	PG_RETURN_BYTEA_P(before);
}
