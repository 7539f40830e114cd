/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Both ends of a handshake around the tables of the library, for spin(1).
 *
 * rules.pml is what "model" makes of the tables: what may come, and where it
 * leads.  Here is what the handlers do besides: when they choose which state
 * (STATE__NEXT), what they send, and which keys they change to.  The parts are
 * messages; the cryptography is perfect.
 *
 *	VERSION	12 or 13: both ends do only that; 0: both do both, and
 *		nothing that has no part in which it becomes
 *	ATTACK	with somebody in the middle; else both ends are left alone, and
 *		have to finish
 *	LIVE	... which is claimed, too
 *
 * Who is in the middle makes up, drops, repeats and reorders whatever has no
 * key, or one that he has agreed on himself.  He has no PSK, no session and no
 * private key.  Of what has a key of the two honest ends, the next record comes
 * or none that can be opened (the sequence number is part of the nonce).  Once
 * he has meddled with a direction, everything there is of his making: what he
 * passes on is among what he may make up.
 */
#define DATA		(MSGS + 1)	/* the application's */
#define HELLO_REQUEST	(MSGS + 2)
#define BAD_RECORD	(MSGS + 3)

/* keys of a direction; APP2: of a second handshake */
#define PLAIN	0
#define EARLY	1
#define HS	2
#define APP	3
#define APP2	4
#define app(round)	(APP + round)

/* with whom a key is shared; BROKEN: with nobody */
#define NOBODY	0
#define PEER	1
#define ATTACKER 2
#define BROKEN	3

/* ServerHellos */
#define HRR	0
#define SH13	1
#define SH12	2
#define RESUMED	3

/* a certificate of the client */
#define NONE		0
#define OPTIONAL	1
#define REQUIRED	2

#define DOES_13	(VERSION != 12)
#define DOES_12	(VERSION != 13)

#define AGREED		(c_ok && s_ok)	/* the transcripts are the same */
#define SHARED		(c_key == PEER && s_key == PEER)
/* what hellos say is anything, once they are somebody else's */
#define YES(agreed)	(agreed || !AGREED)
#define NOT(agreed)	(!(agreed) || !AGREED)

#define s_asks		(verify != NONE)

/* ---- what the handlers choose ------------------------------------------- */

/* c_server_hello() */
#define C_SH__C_SH2		(which == HRR)
#define C_SH__C_EE		(which == SH13)
#define C_SH__C12_SUPP		(which == SH12 && YES(supp))
#define C_SH__C12_CERT		(which == SH12 && NOT(supp))
#define C_SH__C12_NST		(which == RESUMED && YES(tickets))
#define C_SH__C12_CCS		(which == RESUMED && NOT(tickets))
/* c13_encrypted_extensions() */
#define C_EE__C_CERT_CR		(!c_psk)
#define C_EE__C_FIN		(c_psk)
/* c12_certificate() */
#define C12_SUPP__C12_STATUS		(YES(status) && NOT(ecdh))
#define C12_SUPP__C12_STATUS_ECDH	(YES(status) && YES(ecdh))
#define C12_SUPP__C12_SKE		(NOT(status) && NOT(ecdh))
#define C12_SUPP__C12_CR_DONE		(NOT(status) && YES(ecdh))
#define C12_CERT__C12_STATUS		C12_SUPP__C12_STATUS
#define C12_CERT__C12_STATUS_ECDH	C12_SUPP__C12_STATUS_ECDH
#define C12_CERT__C12_SKE		C12_SUPP__C12_SKE
#define C12_CERT__C12_CR_DONE		C12_SUPP__C12_CR_DONE
/* await_keys() */
#define C12_STATUS_ECDH__C12_NST	YES(tickets)
#define C12_STATUS_ECDH__C12_CCS	NOT(tickets)
#define C12_CR_DONE__C12_NST		YES(tickets)
#define C12_CR_DONE__C12_CCS		NOT(tickets)
#define C12_DONE__C12_NST		YES(tickets)
#define C12_DONE__C12_CCS		NOT(tickets)
/* check_retry(), then end_flight() of the server of 1.3 */
#define S_13			(!s_12 && !retry)
#define S_CH__S_CH2		(!s_12 && retry)
#define S_CH__S_EARLY		(S_13 && s_early)
#define S_CH__S_CERT		(S_13 && s_asks && !s_psk)
#define S_CH__S_FIN		(S_13 && !s_early && !(s_asks && !s_psk))
#define S_CH2__S_CERT		(!s_12 && s_asks && !s_psk)
#define S_CH2__S_FIN		(!s_12 && !(s_asks && !s_psk))
#define S_CERT__S_CV		(s_peer)
#define S_CERT__S_FIN		(!s_peer)
/* await_client() */
#define S_12			(s_12 && !s_resumed)
#define S_CH__S12_SUPP_CERT_URL	(S_12 && s_asks && YES(supp) && YES(urls))
#define S_CH__S12_SUPP_CERT	(S_12 && s_asks && YES(supp) && NOT(urls))
#define S_CH__S12_SUPP_CKE	(S_12 && !s_asks && YES(supp))
#define S_CH__S12_CERT_URL	(S_12 && s_asks && NOT(supp) && YES(urls))
#define S_CH__S12_CERT		(S_12 && s_asks && NOT(supp) && NOT(urls))
#define S_CH__S12_CKE		(S_12 && !s_asks && NOT(supp))
#define S_CH__S12_CCS		(s_12 && s_resumed)
/* s12_client_key_exchange() */
#define S12_CKE__S12_CV		(s_peer || s_unobtained)
#define S12_CKE__S12_CCS	(!s_peer && !s_unobtained)

#include "rules.pml"

/* ---- the ends, and what is between them --------------------------------- */

/* message, key, which ServerHello */
chan to_server = [24] of { byte, byte, byte };
chan to_client = [24] of { byte, byte, byte };

/* what the ends want; each as often as it may be */
byte verify;		/* the server, of the client */
bit has_cert;		/* the client */
bit psk, retry, early, early_ok, half_rtt;
bit session, tickets, status, supp, urls, ecdh, again;

/* the ends; ok: all that came was the peer's, and in its order */
byte c_st = C_SH, s_st = S_CH, c_rx, c_tx, s_rx, s_tx, c_key, s_key;
bit c_ok = 1, s_ok = 1, c_round, s_round;
bit c_12, c_psk, c_resumed, c_early, c_asked, c_ecdh;
bit s_12, s_psk, s_resumed, s_early, s_peer, s_unobtained;
/* the peer's randoms are; what has been sent and what has come of the proofs */
bit c_random = 1, s_random = 1, ske_sent;
bit c_cert, c_cv, c_ske, c_fin, s_cv, s_fin, c_data, s_data;

inline c_send(msg)
{
	if
	:: s_ok -> assert(nfull(to_server)); to_server!msg,c_tx,0
	:: else
	fi
}

inline s_send(msg, what)
{
	if
	:: c_ok -> assert(nfull(to_client)); to_client!msg,s_tx,what
	:: else
	fi
}

inline maybe_s_send(msg)
{
	if
	:: true -> s_send(msg, 0)
	:: skip
	fi
}

/* All of a direction from now on is of the attacker's making */
inline meddle(ok, ch)
{
	ok = 0;
	do
	:: nempty(ch) -> ch?_,_,_
	:: empty(ch) -> break
	od
}

/* m, k, which; real: by the peer, and in its order */
inline receive(ok, ch, rx, key)
{
	if
	:: ok && nempty(ch) ->
		ch?m,k,which;
		real = 1;
		/* early data is rejected by the one who takes it (4.3.12) */
		m = (k == rx && (k <= EARLY || SHARED) ||
		     k == EARLY && m == DATA -> m : BAD_RECORD)
#ifdef ATTACK
	/* a key that is not made yet is no secret */
	:: rx == PLAIN || key == ATTACKER || key == NOBODY ->
		meddle(ok, ch);
		any_message();
		k = rx;
		real = 0
	:: rx != PLAIN && (key == PEER || key == BROKEN) ->
		m = BAD_RECORD;		/* or nothing, until it gives up */
		real = 0
#endif
	fi
}

/* ---- the client --------------------------------------------------------- */

/* Application data goes out under the keys that are for it */
inline c_write()
{
	assert((c_st == HS_DONE && c_tx == app(c_round)) ||
	       (c_tx == EARLY && psk && early && c_st == C_SH));
	c_send(DATA)
}

inline c_hello()
{
	c_send(CLIENT_HELLO);
	if
	:: DOES_13 && early && c_st == C_SH && !c_round ->
		c_tx = EARLY;
		c_write()
	:: else
	fi
}

/* What a made up ServerHello says, as far as our hello allows it */
inline c_any_hello()
{
	if
	:: DOES_13 -> which = HRR
	:: DOES_13 -> which = SH13
	:: DOES_12 -> which = SH12
	:: DOES_12 && session -> which = RESUMED
	fi;
	if
	:: c_random = 0
	:: skip
	fi
}

inline c_take_hello()
{
	c_12 = (which >= SH12);
	if
	/* 9846 4.2.3; a retry comes once, and stays 1.3 */
	:: c_12 && VERSION == 0 && c_random -> next = HS_FAILED
	:: st_was == C_SH2 && which != SH13 -> next = HS_FAILED
	:: next == C_SH2 -> c_tx = PLAIN; c_send(CLIENT_HELLO)
	:: next != C_SH2 && !c_12 ->
		if
		:: real -> c_psk = s_psk
		:: !real && psk -> c_psk = 1
		:: !real -> c_psk = 0
		fi;
		c_key = (real && AGREED -> PEER : (c_psk -> BROKEN : ATTACKER));
		c_rx = HS;
		c_tx = (c_tx == EARLY && c_psk -> EARLY : HS)
	:: else ->
		c_resumed = (which == RESUMED);
		c_key = (c_resumed -> PEER : c_key)
	fi
}

inline c_flight13()
{
	if
	:: c_early -> c_send(END_OF_EARLY_DATA)
	:: else
	fi;
	c_tx = HS;
	if
	:: c_asked ->
		if
		:: true -> c_send(CERTIFICATE)
		:: has_cert -> c_send(COMPRESSED_CERTIFICATE)
		fi;
		if
		:: has_cert -> c_send(CERTIFICATE_VERIFY)
		:: else
		fi
	:: else
	fi;
	c_send(FINISHED);
	c_tx = APP
}

inline c_finish12()
{
	c_send(CCS);
	c_tx = app(c_round);
	c_send(FINISHED)
}

inline c_flight12()
{
	/* without ServerKeyExchange, and without its like, it is no secret */
	c_key = (c_ske || c_ecdh -> PEER : ATTACKER);
	if
	:: supp -> c_send(SUPPLEMENTAL_DATA)
	:: skip
	fi;
	if
	:: c_asked && urls && has_cert -> c_send(CERTIFICATE_URL)
	:: c_asked -> c_send(CERTIFICATE)
	:: !c_asked
	fi;
	c_send(CLIENT_KEY_EXCHANGE);
	if
	:: c_asked && has_cert -> c_send(CERTIFICATE_VERIFY)
	:: else
	fi;
	c_finish12()
}

inline c_finished()
{
	if
	:: (real && AGREED && SHARED) ||
	   (!real && (c_key == ATTACKER || c_key == NOBODY)) ->
		c_fin = 1;
		if
		:: !c_12 -> c_rx = APP; c_flight13()
		:: c_12 && c_resumed -> c_finish12()
		:: else
		fi
	:: else -> next = HS_FAILED
	fi
}

inline c_handle()
{
	if
	:: m == SERVER_HELLO -> c_take_hello()
	:: m == ENCRYPTED_EXTENSIONS ->
		c_early = c_psk && s_early && real;
		c_tx = (c_tx == EARLY && !c_early -> HS : c_tx)
	:: m == CERTIFICATE || m == COMPRESSED_CERTIFICATE ->
		c_cert = 1;
		c_ecdh = (next == C12_STATUS_ECDH || next == C12_CR_DONE)
	:: m == CERTIFICATE_REQUEST -> c_asked = 1
	:: m == CERTIFICATE_VERIFY ->
		c_cv = real && AGREED;
		next = (c_cv -> next : HS_FAILED)
	/* it signs the randoms and itself: it may be an old one */
	:: m == SERVER_KEY_EXCHANGE ->
		c_ske = ske_sent && c_random && s_random;
		next = (c_ske -> next : HS_FAILED)
	:: m == SERVER_HELLO_DONE -> c_flight12()
	:: m == CCS -> c_rx = app(c_round)
	:: m == FINISHED -> c_finished()
	:: else
	fi
}

inline c_is_done()
{
	/* the peer has finished */
	assert(c_fin);
	/* authentication: by a certificate and its key, or by a secret */
	assert(c_psk || c_resumed ||
	       (c_cert && (c_12 -> c_ske || c_ecdh : c_cv)));
	/* ... of whom we talk to, and who has seen the same */
	assert(c_key == PEER && AGREED);
	/* ... in the best version of both */
	assert(VERSION != 0 || !c_12);
	/* keys */
	assert(c_rx == app(c_round) && c_tx == app(c_round));
	c_write()
}

/* A second handshake, under the keys of the first */
inline c_again()
{
	c_round = 1;
	c_st = C_SH;
	c_key = PEER;
	c_resumed = 0; c_asked = 0; c_ecdh = 0;
	c_cert = 0; c_ske = 0; c_fin = 0; c_data = 0;
	c_hello()
}

proctype client()
{
	byte m, k, which, next, st_was;
	bit real;

	atomic { c_hello() };
	do
	:: atomic {
		c_st == HS_FAILED ||
		(c_st == HS_DONE && c_data && (c_round || !again || !c_12)) ->
		break
	   }
	:: atomic {
		c_st != HS_FAILED &&
		!(c_st == HS_DONE && c_data && (c_round || !again || !c_12));
		receive(c_ok, to_client, c_rx, c_key);
		if
		:: m == DATA ->
			/* hs_feed(), ktls_recv() */
			if
			:: c_st == HS_DONE ->
				assert(k == app(c_round));
				c_data = 1
			:: else -> c_st = HS_FAILED
			fi
		:: m == HELLO_REQUEST ->
			if
			:: c_st == HS_DONE && !c_round -> c_again()
			:: else
			fi
		:: else ->
			if
			:: m == SERVER_HELLO && !real -> c_any_hello()
			:: else
			fi;
			client_rules(c_st);
			st_was = c_st;
			if
			:: next != HS_FAILED -> c_handle()
			:: else
			fi;
			c_st = next;
			if
			:: c_st == HS_DONE -> c_is_done()
			:: else
			fi
		fi;
		m = 0; k = 0; which = 0; next = 0; st_was = 0; real = 0
	   }
	od
}

/* ---- the server --------------------------------------------------------- */

inline s_write()
{
	/* 0.5-RTT: once all of ours is out (4.5.3) */
	assert(s_tx == app(s_round) && (s_st == HS_DONE || !s_12));
	s_send(DATA, 0)
}

/* What is chosen by the hello */
inline s_choose()
{
	if
	:: real -> s_12 = (VERSION == 12)
	:: !real && DOES_12 -> s_12 = 1
	/* hs_max_version(): not in a second handshake */
	:: !real && DOES_13 && !s_round -> s_12 = 0
	fi;
	if
	:: real
	:: !real -> s_random = 0
	:: !real
	fi;
	/* who has no PSK has no binder (4.3.11.2) */
	s_psk = real && psk && !s_12;
	s_early = s_psk && early && early_ok && !retry;
	s_resumed = session && s_12 && !s_round
}

inline s_flight13()
{
	s_key = (real -> PEER : ATTACKER);
	s_send(SERVER_HELLO, SH13);
	s_tx = HS;
	s_send(ENCRYPTED_EXTENSIONS, 0);
	if
	:: s_psk
	:: else ->
		if
		:: s_asks -> s_send(CERTIFICATE_REQUEST, 0)
		:: else
		fi;
		if
		:: true -> s_send(CERTIFICATE, 0)
		:: true -> s_send(COMPRESSED_CERTIFICATE, 0)
		fi;
		s_send(CERTIFICATE_VERIFY, 0)
	fi;
	s_send(FINISHED, 0);
	s_tx = APP;
	s_rx = (s_early -> EARLY : HS);
	if
	:: half_rtt -> s_write()
	:: else
	fi
}

inline s_finish12()
{
	if
	:: tickets -> s_send(NEW_SESSION_TICKET, 0)
	:: else
	fi;
	s_send(CCS, 0);
	s_tx = app(s_round);
	s_send(FINISHED, 0)
}

inline s_flight12()
{
	s_send(SERVER_HELLO, SH12);
	if
	:: supp -> maybe_s_send(SUPPLEMENTAL_DATA)
	:: else
	fi;
	s_send(CERTIFICATE, 0);
	if
	:: status -> maybe_s_send(CERTIFICATE_STATUS)
	:: else
	fi;
	if
	:: ecdh
	:: else -> ske_sent = 1; s_send(SERVER_KEY_EXCHANGE, 0)
	fi;
	if
	:: s_asks -> s_send(CERTIFICATE_REQUEST, 0)
	:: else
	fi;
	s_send(SERVER_HELLO_DONE, 0)
}

inline s_answer()
{
	if
	:: next == S_CH2 -> s_send(SERVER_HELLO, HRR)
	:: next != S_CH2 && !s_12 -> s_flight13()
	:: s_12 && s_resumed ->
		s_key = PEER;
		s_send(SERVER_HELLO, RESUMED);
		s_finish12()
	:: s_12 && !s_resumed -> s_flight12()
	fi
}

inline s_finished()
{
	if
	:: (real && AGREED && SHARED) ||
	   (!real && (s_key == ATTACKER || s_key == NOBODY)) ->
		s_fin = 1;
		if
		:: !s_12 -> s_rx = APP
		:: s_12 && !s_resumed -> s_finish12()
		:: else
		fi
	:: else -> next = HS_FAILED
	fi
}

inline s_handle()
{
	if
	:: m == CLIENT_HELLO -> s_answer()
	:: m == CERTIFICATE || m == COMPRESSED_CERTIFICATE ->
		next = (!s_peer && verify == REQUIRED -> HS_FAILED : next)
	:: m == CERTIFICATE_URL ->
		if
		:: s_peer = 1
		:: verify == OPTIONAL -> s_unobtained = 1
		fi
	:: m == CLIENT_KEY_EXCHANGE -> s_key = (real -> PEER : ATTACKER)
	:: m == CERTIFICATE_VERIFY ->
		s_cv = real && AGREED && !s_unobtained;
		next = (s_cv || s_unobtained -> next : HS_FAILED)
	:: m == END_OF_EARLY_DATA -> s_rx = HS
	:: m == CCS -> s_rx = app(s_round)
	:: m == FINISHED -> s_finished()
	:: else
	fi
}

inline s_is_done()
{
	/* the peer has finished */
	assert(s_fin);
	/* with a key that was made */
	assert(s_key == PEER || s_key == ATTACKER);
	/* authentication */
	assert(verify != REQUIRED || s_psk || s_resumed || (s_peer && s_cv));
	/* ... of whom we talk to */
	assert((!s_psk && !s_resumed && !s_cv) || (s_key == PEER && AGREED));
	/* keys */
	assert(s_rx == app(s_round) && s_tx == app(s_round));
	s_write()
}

inline s_again()
{
	s_send(HELLO_REQUEST, 0);
	s_round = 1;
	s_st = S_CH;
	s_peer = 0; s_unobtained = 0; s_resumed = 0;
	s_cv = 0; s_fin = 0; s_data = 0
}

proctype server()
{
	byte m, k, which, next;
	bit real;

	do
	:: atomic {
		s_st == HS_FAILED || (s_st == HS_DONE && s_data &&
				      (s_round || !again || !s_12)) ->
		break
	   }
	:: atomic {
		s_st == HS_DONE && s_data && !s_round && again && s_12 ->
		s_again()
	   }
	:: atomic {
		s_st != HS_FAILED && !(s_st == HS_DONE && s_data);
		receive(s_ok, to_server, s_rx, s_key);
		if
		:: m == DATA && k == EARLY && s_rx != EARLY
			/* 4.3.12: rejected, and dropped unread */
		:: m == DATA && !(k == EARLY && s_rx != EARLY) ->
			if
			:: s_st == S_EARLY || s_st == HS_DONE ->
				assert(k == (s_st == HS_DONE -> app(s_round) :
							EARLY));
				assert(s_st == HS_DONE || (s_psk && s_early));
				s_data = (s_st == HS_DONE)
			:: else -> s_st = HS_FAILED
			fi
		:: else ->
			if
			:: m == CLIENT_HELLO -> s_choose()
			:: m == CERTIFICATE || m == COMPRESSED_CERTIFICATE ->
				if
				:: real -> s_peer = has_cert
				:: !real -> s_peer = 0
				:: !real -> s_peer = 1
				fi
			:: else
			fi;
			server_rules(s_st);
			if
			:: next != HS_FAILED -> s_handle()
			:: else
			fi;
			s_st = next;
			if
			:: s_st == HS_DONE -> s_is_done()
			:: else
			fi
		fi;
		m = 0; k = 0; which = 0; next = 0; real = 0
	   }
	od
}

/* ---- all of it ---------------------------------------------------------- */

inline either(option)
{
	if
	:: option = 0
	:: option = 1
	fi
}

init {
	atomic {
		if
#ifdef ATTACK
		:: verify = REQUIRED
#endif
		:: verify = REQUIRED; has_cert = 1
		:: verify = OPTIONAL; either(has_cert)
		:: verify = NONE
		fi;
#if VERSION != 12
		either(retry);
		either(psk);
#endif
#if VERSION == 13
		if
		:: psk -> either(early); either(early_ok)
		:: else
		fi;
		either(half_rtt);
#endif
#if VERSION != 13
		either(session); either(ecdh);
#endif
#if VERSION == 12
		either(again); either(supp);
#ifdef ATTACK
		/* what proves nothing: all or none, and see YES() */
		tickets = supp; status = supp; urls = supp;
#else
		either(tickets); either(status); either(urls);
#endif
#endif
		run client();
		run server()
	}
}

#ifdef LIVE
ltl both_complete { <> (c_st == HS_DONE && s_st == HS_DONE &&
			c_data && s_data && (c_round || !again)) }
#endif
