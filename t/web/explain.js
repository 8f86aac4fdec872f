/* What would happen to a message. */

'use strict';

const { is, like, run, session, shows } = require('./browser.js');

run(async (portal) => {
  const api = await session();

  await api('PUT', '/lists/blacklist/entries/spam.example', { json: {} });
  await api('PUT', '/lists/whitelist/entries/good.spam.example', { json: {} });

  const page = await portal.signedIn('#/explain');
  const ask = async (sender, score) => {
    await page.getByLabel('Envelope sender').fill(sender);
    await page.getByLabel('Score', { exact: true }).fill(score);
    await page.getByRole('button', { name: 'Explain' }).click();
  };
  const answer = page.getByLabel('Answer');

  await ask('x@mail.spam.example', '');
  await shows(answer.getByText('Refused', { exact: true }),
    'a subdomain of a blocked domain is refused');
  await shows(answer.getByRole('link', { name: 'spam.example' }),
    'the entry that decides is named');
  like(await answer.innerText(), /550/, 'with the reply');

  await ask('x@good.spam.example', '50');
  await shows(answer.getByText('Delivered', { exact: true }),
    'the longest match wins');

  for (const [score, says] of [
    ['2.99', 'Delivered'], ['3', 'Deferred once, then delivered'],
    ['3,99', 'Deferred once, then delivered'],
    ['4', 'Delivered into Junk'], ['10', 'Refused'],
  ]) {
    await ask('x@other.example', score);
    await shows(answer.getByText(says, { exact: true }),
      `a score of ${score}: ${says}`);
  }

  await ask('x@other.example', 'many');
  await shows(page.locator('.explain .error'),
    'what is no score is told at its field');

  await ask('<>', '1');
  await shows(answer.getByText('no list can match'),
    'the null sender is on no list');

  await page.goto(page.url().replace(/#.*/,
    '#/explain?sender=x%40spam.example'));
  await page.reload();
  await shows(answer.getByText('Refused', { exact: true }),
    'a question is an address that can be sent to somebody');
  is(await page.getByLabel('Envelope sender').inputValue(), 'x@spam.example',
    'with the question in the form');
});
