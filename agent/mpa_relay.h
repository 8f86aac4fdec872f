#ifndef MPA_RELAY_H
#define MPA_RELAY_H

#include "mp_settings.h"
#include "mpa_smtp.h"

#define MPA_HOP_SIZE (MP_TEXT_SIZE + 16)

/* Postfix's form of the relayhost: "[host]:port" or "host:port". */
void mpa_relay_hop(char hop_r[MPA_HOP_SIZE], const struct mp_settings *set);

/*
 * The relayhost as a server to talk to; the password is not in it.  False
 * when there is none.
 */
bool mpa_relay_server(struct mpa_smtp *server_r,
                      const struct mp_settings *set);

#endif
