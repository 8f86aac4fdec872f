/* The list of jobs, and everything of one of them on its own page. */

'use strict';

const {
  is, like, ok, run, shows, until, url,
} = require('./browser.js');
const { plant, progress } = require('./plant.js');

run(async (portal) => {
  const ids = many();
  const page = await portal.signedIn('#/actions');

  await list(page);
  await filter(page);
  await pages(page);
  await whole(page, ids.rich);
  await dry(page, ids.dry);
  await live(page);
  await nobody(page);
  await missing(page);
  await roles(portal, ids.rich);
});

const rows = (page) => page.getByRole('region', { name: 'Jobs' })
  .locator('tbody tr');

function many() {
  for (let i = 0; i < 22; i += 1) {
    plant({ action: 'index-rebuild', target: `d${i}.example` }, { mx1: {} },
      100 + i);
  }
  const rich = plant({ rate: 50 }, {
    mx1: {
      state: 'done-with-failures', total: 1000, done: 1000, failed: 345,
      skipped: 12, drifted: 130, bytes_before: 5000, bytes_after: 3 << 20,
      errors: Array.from({ length: 100 }, (_, i) => ({
        target: `u${i}@example.com`,
        text: i === 0 ? 'the process that worked on it ended unexpectedly'
          : 'Invalid quota rule',
      })),
      details: Array.from({ length: 100 }, (_, i) => ({
        target: `u${i}@example.com`, before: 1000, after: 2 << 20,
      })),
    },
    mx2: {
      state: 'failed', total: 0, done: 0, text: 'the userdb cannot be listed',
    },
  }, 30);
  const dry = plant({
    action: 'clear-folders', dry_run: true, junk_days: 30,
    target: 'example.com',
  }, {
    mx1: {
      folders: 4, messages: 3, bytes: 6000, details: [
        {
          target: 'a@example.com', folder: 'Junk', uid: 17, bytes: 2000,
          saved_at: '2026-01-02T12:00:00Z',
        },
        {
          target: 'b@example.com', folder: 'Spam "x"', uid: 4, bytes: 4000,
          saved_at: '2025-12-02T12:00:00Z',
        },
      ],
    },
  }, 20);

  plant({
    action: 'clear-folders', junk_days: 30, created_by: 'mailportal', rate: 20,
  }, { mx1: { folders: 2, messages: 1234, bytes: 5 << 20 } }, 10);
  return { rich, dry };
}

async function list(page) {
  await shows(page.getByText('No Dovecot server has reported.'),
    'without a server that does them, the page says so');
  await rows(page).first().waitFor();
  is(await rows(page).count(), 20, 'the newest jobs are listed');
  like(await rows(page).nth(0).innerText(),
    /Clear Junk and Trash\s+All mailboxes\s+done\s+10 users\s+daily sweep/,
    'a sweep says that it is one');
  like(await rows(page).nth(1).innerText(), /dry run\s+example\.com/,
    'a dry run that it is one');
  like(await rows(page).nth(2).innerText(),
    /done, with failures\s+1,000 users, 345 failed, 12 without/,
    'and a job what became of it');
}

async function filter(page) {
  await page.getByRole('region', { name: 'Jobs' }).getByLabel('Show')
    .selectOption('quota-recalc');
  ok(await until(async () => await rows(page).count() === 1),
    'one kind can be shown alone');
  await page.getByRole('region', { name: 'Jobs' }).getByLabel('Show')
    .selectOption('');
  ok(await until(async () => await rows(page).count() === 20), 'and all again');
}

async function pages(page) {
  await page.getByRole('button', { name: 'Next' }).click();
  ok(await until(async () => await rows(page).count() === 5),
    'older ones are on the next page');
  like(await rows(page).last().innerText(), /d21\.example/, 'to the oldest');
  await page.getByRole('button', { name: 'Previous' }).click();
  ok(await until(async () => await rows(page).count() === 20), 'and back');
}

async function whole(page, id) {
  await page.getByRole('link', { name: 'Recalculate quota' }).click();
  await shows(page.getByRole('heading', { name: 'Recalculate quota' }),
    'a job has a page of its own');
  is(page.url(), `${url}/#/jobs/${id}`, 'with an address');
  await everything(page);
  await page.reload();
  await everything(page);
  await page.goBack();
  await shows(rows(page).first(), 'the back button leads to the list');
  await page.goForward();
  await everything(page);
}

async function everything(page) {
  const list = (name) => page.getByRole('table', { name });

  await shows(
    page.getByText(/^Done, but not for all: 1,000 users, 345 failed/),
    'it says how it ended',
  );
  like(await page.getByRole('list', { name: 'Servers' }).innerText(),
    /mx2\s+failed: the userdb cannot be listed/,
    'a server what is wrong there');
  is(await list('Failures').locator('tbody tr').count(), 101,
    'the failures that were kept are listed');
  await shows(page.getByText('The first 101 of 345'),
    'and how many there were');
  is(await list('Usage that was wrong').locator('tbody tr').count(), 100,
    'so are the usages that were wrong');
  like(await list('Usage that was wrong').locator('tbody tr').first()
    .innerText(), /u0@example\.com\s+1\.0 KiB\s+2\.0 MiB/,
  'with before and after');
  await shows(page.getByText('at most 50 users per second'),
    'its speed is told');
}

async function dry(page, id) {
  await page.goto(`${url}/#/jobs/${id}`);
  await shows(page.getByText('3 messages (5.9 KiB) in 4 folders would go.'),
    'a dry run says what would go');
  like(await page.getByRole('table', { name: 'Messages that would go' })
    .innerText(), /b@example\.com\s+Spam "x"\s+4\s+2 Dec 2025\s+3\.9 KiB/,
  'message by message');
  await shows(page.getByText('The first 2 of 3'), 'as far as they were kept');
  await page.getByRole('button', { name: 'Clear now' }).click();

  const dialog = page.getByRole('dialog');

  like(await dialog.innerText(), /Remove 3 messages for good\?/,
    'to remove them asks, with the number');
  like(await dialog.innerText(), /example\.com: 5\.9 KiB in 4 folders/,
    'where they are');
  like(await dialog.innerText(), /from Junk after 30 days/, 'and which');
  is(await page.evaluate(() => document.activeElement.innerText), 'Keep them',
    'an Enter too many keeps them');
  await page.keyboard.press('Escape');
  ok(await until(async () => await dialog.count() === 0), 'Escape keeps them');
}

/* The page follows by itself. */
async function live(page) {
  const half = { state: 'running', total: 200, ended_at: null };
  const id = plant({}, {
    mx1: { ...half, done: 50, eta: 75 }, mx2: 'queued',
  });

  await page.goto(`${url}/#/jobs/${id}`);
  await shows(page.getByText('50 of 200 users.'), 'a job that goes on');
  progress(id, { mx1: { ...half, done: 120, eta: 40, failed: 2 } });
  await shows(page.getByText('120 of 200 users, 2 failed.'), 'moves by itself');
  progress(id, { mx2: { ...half, done: 100, eta: 20 } });
  await shows(page.getByText('220 of 400 users, 2 failed, about 40 s left.'),
    'and says how long it will take, when all servers know');
  progress(id, { mx1: { total: 200, done: 200 }, mx2: { state: 'cancelled' } });
  await shows(page.getByText(/^Cancelled by somebody after 210 users\./),
    'to its end');
  is(await page.getByRole('button', { name: 'Cancel job' }).count(), 0,
    'when nothing is left to cancel');
}

/* A name that is mistyped is nobody's. */
async function nobody(page) {
  const none = { total: 0, done: 0 };
  const domain = plant({ target: 'exmaple.com' }, { mx1: none, mx2: none });
  const mailbox = plant({ target: 'ana@example.com' }, {
    mx1: { ...none, state: 'failed', text: 'there is no such user' },
  });

  await page.goto(`${url}/#/jobs/${domain}`);
  await shows(page.getByText('There is no mailbox of exmaple.com: nothing was '
    + 'to be done.').first(), 'a job for nobody says so');
  await page.goto(`${url}/#/jobs/${mailbox}`);
  await shows(page.getByRole('table', { name: 'Failures' })
    .getByRole('rowheader', { name: 'ana@example.com' })
    .or(page.getByRole('table', { name: 'Failures' })
      .getByRole('cell', { name: 'ana@example.com' })).first(),
  'and one for a mailbox that is not there names it');
}

async function missing(page) {
  for (const id of ['00'.repeat(12), 'x', '%3Cb%3E']) {
    await page.goto(`${url}/#/jobs/${id}`);
    await shows(page.getByRole('heading', { name: 'There is no such job' }),
      `${id} is no job`);
  }
}

async function roles(portal, id) {
  const page = await portal.signedIn(`#/jobs/${id}`, {
    as: { username: 'tenant', password: process.env.MP_MORE_PASSWORD },
  });

  await shows(page.getByRole('heading', { name: 'Not for this account' }),
    'a DomainAdmin sees no job');
  await page.context().close();
}
