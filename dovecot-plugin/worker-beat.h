#ifndef WORKER_BEAT_H
#define WORKER_BEAT_H

/* Something that the heartbeat shows has changed: it goes out at once. */
void worker_beat_now(void);

/* Settings came into force that were made at this unix time. */
void worker_beat_lag(int64_t made);

#endif
