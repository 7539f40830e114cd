// SPDX-License-Identifier: MIT
#include "msg.h"

#include "include/ktls.h"

/* SHA-256 of "HelloRetryRequest" */
const uint8_t retry_random[RANDOM_LEN] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
	0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
	0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

int msg_end(struct rd *r)
{
	rd_end(r);
	return *r->bad ? -KTLS_E_DECODE : 0;
}

/* An extension block that ends the message */
static int finish_exts(struct rd *r, enum ext_where where, uint64_t asked,
		       struct exts *e)
{
	struct rd block = rd_vec(r, 2);
	int err = msg_end(r);

	return err ? err : exts_parse(&block, where, asked, e);
}

/* ---- hellos ------------------------------------------------------------ */

static struct slice rd_session_id(struct rd *r)
{
	struct slice id = rd_opaque(r, 1);

	if (id.len > SESSION_ID_MAX)
		rd_fail(r);
	return id;
}

int parse_client_hello(struct slice body, struct client_hello *m)
{
	bool bad = false;
	struct rd block, r = rd_init(body.p, body.len, &bad);
	int err;

	m->version = rd_u16(&r);
	m->random = rd_take(&r, RANDOM_LEN);
	m->session_id = rd_session_id(&r);
	m->suites = rd_opaque(&r, 2);
	if (!m->suites.len || m->suites.len % 2)
		rd_fail(&r);
	m->compression = rd_nonempty(&r, 1);
	/* before 1.3 the block may be absent as a whole */
	m->ext_block = (struct slice){ NULL, 0 };
	if (rd_more(&r))
		m->ext_block = rd_opaque(&r, 2);
	err = msg_end(&r);
	if (err)
		return err;
	block = rd_init(m->ext_block.p, m->ext_block.len, &bad);
	return exts_parse(&block, IN_CH, 0, &m->exts);
}

void write_client_hello(struct wr *w, const struct client_hello *m)
{
	wr_u16(w, m->version);
	wr_slice(w, m->random);
	wr_opaque(w, 1, m->session_id);
	wr_opaque(w, 2, m->suites);
	wr_opaque(w, 1, m->compression);
	exts_write(w, IN_CH, &m->exts);
}

int parse_server_hello(struct slice body, struct server_hello *m)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);
	int err, found;

	m->selected = 0;
	m->version = rd_u16(&r);
	m->random = rd_take(&r, RANDOM_LEN);
	m->where = m->random.len &&
		   !memcmp(m->random.p, retry_random, RANDOM_LEN) ?
		   IN_HRR : IN_SH;
	m->session_id = rd_session_id(&r);
	m->suite = rd_u16(&r);
	m->compression = rd_u8(&r);
	m->ext_block = (struct slice){ NULL, 0 };
	if (rd_more(&r))
		m->ext_block = rd_opaque(&r, 2);
	err = msg_end(&r);
	if (err)
		return err;
	found = ext_selected_version(m->ext_block, &m->selected);
	if (!found && m->where == IN_SH)
		m->where = IN_SH12;
	return found < 0 ? found : 0;
}

int parse_server_hello_exts(struct server_hello *m, uint64_t asked)
{
	bool bad = false;
	struct rd r = rd_init(m->ext_block.p, m->ext_block.len, &bad);

	return exts_parse(&r, m->where, asked, &m->exts);
}

void write_server_hello(struct wr *w, const struct server_hello *m)
{
	wr_u16(w, m->version);
	wr_slice(w, m->random);
	wr_opaque(w, 1, m->session_id);
	wr_u16(w, m->suite);
	wr_u8(w, m->compression);
	exts_write(w, m->where, &m->exts);
}

int parse_encrypted_extensions(struct slice body, uint64_t asked,
			       struct exts *e)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	return finish_exts(&r, IN_EE, asked, e);
}

/* ---- authentication ---------------------------------------------------- */

int parse_certificate_request(struct slice body,
			      struct certificate_request *m)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	m->context = rd_opaque(&r, 1);
	return finish_exts(&r, IN_CR, 0, &m->exts);
}

void write_certificate_request(struct wr *w,
			       const struct certificate_request *m)
{
	wr_opaque(w, 1, m->context);
	exts_write(w, IN_CR, &m->exts);
}

int parse_certificate(struct slice body, struct certificate *m)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	m->context = rd_opaque(&r, 1);
	m->list = rd_opaque(&r, 3);
	return msg_end(&r);
}

int parse_certificate_entry(struct slice *list, uint64_t asked,
			    struct slice *der, struct exts *e)
{
	bool bad = false;
	struct rd block, r = rd_init(list->p, list->len, &bad);
	int err;

	if (!rd_more(&r))
		return 0;
	*der = rd_opaque(&r, 3);
	if (!der->len)
		rd_fail(&r);
	block = rd_vec(&r, 2);
	err = bad ? -KTLS_E_DECODE : exts_parse(&block, IN_CT, asked, e);
	*list = rd_rest(&r);
	return err ? err : 1;
}

int parse_compressed_certificate(struct slice body,
				 struct compressed_certificate *m)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	m->algorithm = rd_u16(&r);
	m->length = rd_u24(&r);
	m->data = rd_nonempty(&r, 3);
	return msg_end(&r);
}

int parse_certificate_verify(struct slice body,
			     struct certificate_verify *m)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	m->scheme = rd_u16(&r);
	m->signature = rd_opaque(&r, 2);
	return msg_end(&r);
}

/* ---- after the handshake ----------------------------------------------- */

int parse_new_session_ticket(struct slice body,
			     struct new_session_ticket *m)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	m->lifetime = rd_u32(&r);
	m->age_add = rd_u32(&r);
	m->nonce = rd_opaque(&r, 1);
	m->ticket = rd_nonempty(&r, 2);
	return finish_exts(&r, IN_NST, 0, &m->exts);
}

void write_new_session_ticket(struct wr *w,
			      const struct new_session_ticket *m)
{
	wr_u32(w, m->lifetime);
	wr_u32(w, m->age_add);
	wr_opaque(w, 1, m->nonce);
	wr_opaque(w, 2, m->ticket);
	exts_write(w, IN_NST, &m->exts);
}

int parse_key_update(struct slice body, uint8_t *request)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	*request = rd_u8(&r);
	return msg_end(&r);
}
