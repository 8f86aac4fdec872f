/* Everything of one job. */

import { html } from '../vendor/preact.js';
import { useJob } from '../jobs.js';
import {
  daysOf, executorOf, isSweep, labelOfJob, scopeOf, stateOf, whoOf,
} from '../job-words.js';
import { go, href } from '../router.js';
import { plural, showTime } from '../text.js';
import { Cancel, JobBody } from '../ui/job.js';
import { Badge, Loaded } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';

export default function JobPage({ params: { id } }) {
  return html`<${Job} key=${id} id=${id} />`;
}

function Job({ id }) {
  const { job, problem, set } = useJob(id);
  const follow = (started) => go(`jobs/${started.id}`);

  if (problem && problem.status === 404) {
    return html`
      <${PageHead} title="There is no such job">
        Jobs are kept for three months. <a href=${href('actions')}>To all
        jobs</a>
      <//>`;
  }
  return html`
    <${PageHead} title=${job ? labelOfJob(job) : 'Job'}
      actions=${html`
        ${job && html`<${Cancel} job=${job} onDone=${set} />`}
        <a class="button" href=${href('actions')}>All jobs</a>`}>
      ${job && html`${scopeOf(job)}${' '}
        <${Badge} kind=${stateOf(job).kind}>${stateOf(job).label}<//>`}
    <//>
    <${Loaded} resource=${{ data: job, problem }} lines=${6}>
      ${() => html`
        <section class="card job" aria-label="Progress">
          <${JobBody} job=${job} onStarted=${follow} />
        </section>
        <section class="card" aria-label="Details">
          <${Facts} job=${job} />
        </section>`}
    <//>`;
}

function Facts({ job }) {
  const days = daysOf(job);

  return html`
    <dl class="facts">
      <${Fact} name="Started by">${isSweep(job)
        ? 'the daily sweep' : whoOf(job)}<//>
      <${Moment} name="Asked for" at=${job.created_at} />
      <${Moment} name="Began" at=${job.started_at} />
      ${job.next_at && html`
        <${Moment} name="Next attempt" at=${job.next_at} />`}
      <${Moment} name="Ended" at=${job.ended_at} />
      ${job.cancelled_by && html`
        <${Fact} name="Cancelled by">${job.cancelled_by}<//>`}
      ${executorOf(job) === 'dovecot' && html`
        <${Fact} name="Speed">${job.rate
          ? `at most ${plural(job.rate, 'user')} per second` : 'no limit'}<//>`}
      ${days && html`<${Fact} name="Removes">${days}<//>`}
      <${Fact} name="Number"><code>${job.id}</code><//>
    </dl>`;
}

function Fact({ name, children }) {
  return html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
}

function Moment({ name, at }) {
  return html`
    <${Fact} name=${name}>${at
      ? html`<time datetime=${at}>${showTime(at)}</time>`
      : html`<span class="muted">not yet</span>`}<//>`;
}
