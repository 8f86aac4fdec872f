#ifndef WORKER_STATUS_H
#define WORKER_STATUS_H

/*
 * What "doveadm mailportal status" and the worker say to each other: who
 * connects to the unix socket of this name in base_dir is sent lines of text
 * for the operator, and the connection is closed.  It works without Redis.
 */
#define WORKER_STATUS_SOCKET "mailportal"

#endif
