import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Settings } from 'luxon'
import { isTimeZone, readMoment, writeEnd, writeMoment } from '../../src/domain/day.ts'

const ZONES = [
  'UTC',
  'Europe/Brussels',
  'America/Sao_Paulo',
  'America/Havana',
  'Atlantic/Azores',
  'Asia/Kathmandu',
  'Pacific/Kiritimati',
]

const DAYS: [sentence: string, day: string, zone: string, start: string, end: string][] = [
  ['a day', '2026-06-15', 'UTC', '2026-06-15T00:00:00Z', '2026-06-16T00:00:00Z'],
  ['a day in Brussels in summer', '2026-06-15', 'Europe/Brussels', '2026-06-14T22:00:00Z', '2026-06-15T22:00:00Z'],
  ['a day in Brussels in winter', '2026-12-31', 'Europe/Brussels', '2026-12-30T23:00:00Z', '2026-12-31T23:00:00Z'],
  ['the day of 23 hours', '2026-03-29', 'Europe/Brussels', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
  ['the day of 25 hours', '2026-10-25', 'Europe/Brussels', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
  [
    'a day that starts at one, as midnight is left out',
    '2018-11-04',
    'America/Sao_Paulo',
    '2018-11-04T03:00:00Z',
    '2018-11-05T02:00:00Z',
  ],
  ['… and the day before it', '2018-11-03', 'America/Sao_Paulo', '2018-11-03T03:00:00Z', '2018-11-04T03:00:00Z'],
  [
    'the day that gets an hour before midnight',
    '2018-02-17',
    'America/Sao_Paulo',
    '2018-02-17T02:00:00Z',
    '2018-02-18T03:00:00Z',
  ],
  [
    'a day with two midnights starts at the first',
    '2026-11-01',
    'America/Havana',
    '2026-11-01T04:00:00Z',
    '2026-11-02T05:00:00Z',
  ],
  [
    '… and the day before it ends there',
    '2026-10-31',
    'America/Havana',
    '2026-10-31T04:00:00Z',
    '2026-11-01T04:00:00Z',
  ],
  [
    'a day that a country left out is empty',
    '2011-12-30',
    'Pacific/Apia',
    '2011-12-30T10:00:00Z',
    '2011-12-30T10:00:00Z',
  ],
  ['a leap day', '2028-02-29', 'UTC', '2028-02-29T00:00:00Z', '2028-03-01T00:00:00Z'],
  ['the last day of a year', '2026-12-31', 'UTC', '2026-12-31T00:00:00Z', '2027-01-01T00:00:00Z'],
]

for (const [sentence, day, zone, start, end] of DAYS) {
  test(`${sentence} (${day}, ${zone})`, () => {
    assert.equal(iso(readMoment(day, zone, 'start')), iso(Date.parse(start)))
    assert.equal(iso(readMoment(day, zone, 'end')), iso(Date.parse(end)))
  })
}

const MOMENTS: [text: string, same: string][] = [
  ['2026-06-15T12:00:00Z', '2026-06-15T12:00:00Z'],
  ['2026-06-15T12:00Z', '2026-06-15T12:00:00Z'],
  ['2026-06-15 12:00Z', '2026-06-15T12:00:00Z'],
  ['2026-06-15T12:00:00+02:00', '2026-06-15T10:00:00Z'],
  ['2026-06-15T12:00:00-03:30', '2026-06-15T15:30:00Z'],
  ['2026-06-15T12:00:00.1Z', '2026-06-15T12:00:00.100Z'],
  ['2026-06-15T12:00:00.999Z', '2026-06-15T12:00:00.999Z'],
  ['2026-06-15T12:00:00.123456+00:00', '2026-06-15T12:00:00.123Z'],
  ['2026-06-15T23:59:59.999999999Z', '2026-06-15T23:59:59.999Z'],
]

test('a moment is the same in every zone, as a start and as an end', () => {
  for (const [text, same] of MOMENTS) {
    for (const zone of ZONES) {
      for (const as of ['start', 'end'] as const)
        assert.equal(iso(readMoment(text, zone, as)), iso(Date.parse(same)), text)
    }
  }
})

test('a moment in UTC is read as one with an offset of nothing, which is read another way', () => {
  const two = (min: number, max: number) => fc.integer({ min, max }).map((number) => String(number).padStart(2, '0'))
  const year = fc.integer({ min: 0, max: 9999 }).map((number) => String(number).padStart(4, '0'))
  const fraction = fc.option(fc.stringMatching(/^\.\d{1,9}$/), { nil: '' })
  // Days that there are not, too.
  const parts = fc.tuple(year, two(0, 13), two(0, 32), two(0, 24), two(0, 60), two(0, 60), fraction)
  let read = 0
  fc.assert(
    fc.property(parts, ([y, m, d, hour, minute, second, rest]) => {
      const text = `${y}-${m}-${d}T${hour}:${minute}:${second}${rest}`
      const moment = readMoment(`${text}Z`, 'UTC', 'start')
      assert.equal(iso(moment), iso(readMoment(`${text}+00:00`, 'UTC', 'start')), text)
      if (moment !== undefined) read++
    }),
    { numRuns: 3000 },
  )
  assert.ok(read > 1000)
})

const REFUSED = [
  '2026-02-30',
  '2026-02-29',
  '2026-13-01',
  '2026-00-10',
  '2026-06-00',
  '2026-6-15',
  '26-06-15',
  '20260615',
  '2026-06',
  '2026',
  '2026-W25-1',
  '2026-166',
  '15.06.2026',
  ' 2026-06-15',
  '2026-06-15 ',
  '2026-06-15\n',
  '２０２６-06-15',
  '+002026-06-15',
  '-2026-06-15',
  // Moments need an offset: whose noon is it otherwise?
  '2026-06-15T12:00:00',
  '2026-06-15T12:00',
  '2026-06-15 12:00',
  '2026-06-15T12Z',
  '2026-06-15TZ',
  '2026-02-30T12:00:00Z',
  '2026-06-15T24:00:00Z',
  '2026-06-15T12:60:00Z',
  '2026-06-15T12:00:60Z',
  '2026-06-15T12:00:00,5Z',
  '2026-06-15T12:00:00.Z',
  '2026-06-15T12:00:00+2',
  '2026-06-15T12:00:00+0200',
  '2026-06-15T12:00:00+25:00',
  '2026-06-15T12:00:00+05:75',
  '2026-06-15T12:00:00 Europe/Brussels',
  '2026-06-15T12:00:00[UTC]',
  '2026-06-15T12:00:00Z\n',
  '',
  'today',
  'null',
  '1781524800000',
]

test('what is neither a day nor a moment with an offset is refused', () => {
  for (const text of REFUSED) {
    for (const as of ['start', 'end'] as const)
      assert.equal(readMoment(text, 'UTC', as), undefined, JSON.stringify(text))
  }
})

test('the season in which a day is read does not matter', () => {
  const now = Settings.now
  try {
    for (const [sentence, day, zone, start] of DAYS) {
      for (const season of ['2026-01-15', '2026-07-15']) {
        Settings.now = () => Date.parse(season)
        assert.equal(iso(readMoment(day, zone, 'start')), iso(Date.parse(start)), `${sentence}, read on ${season}`)
      }
    }
  } finally {
    Settings.now = now
  }
})

test('every day in every zone ends where the next starts, is 23 to 25 hours long, and is written back as itself', () => {
  // Making one takes longer than all else here.
  const calendars = new Map(ZONES.map((zone) => [zone, new Intl.DateTimeFormat('sv-SE', { timeZone: zone })]))
  const day = fc.integer({ min: Date.UTC(2015, 0, 1) / 86_400_000, max: Date.UTC(2045, 0, 1) / 86_400_000 })
  fc.assert(
    fc.property(day, fc.constantFrom(...ZONES), (number, zone) => {
      const [text, next] = [number, number + 1].map((each) => new Date(each * 86_400_000).toISOString().slice(0, 10))
      const start = readMoment(text ?? '', zone, 'start') ?? Number.NaN
      const end = readMoment(text ?? '', zone, 'end') ?? Number.NaN
      assert.equal(end, readMoment(next ?? '', zone, 'start'))
      assert.ok([23, 24, 25].includes((end - start) / 3_600_000), `${text} in ${zone}: ${end - start} ms`)
      // An oracle that is not Luxon: the calendar on the wall turns exactly at the start.
      const wall = (at: number) => calendars.get(zone)?.format(at)
      assert.deepEqual([wall(start), wall(end - 1)], [text, text])
      assert.notEqual(wall(start - 1), text)
      assert.equal(writeEnd(end, zone), writeMoment(start, zone))
    }),
    { numRuns: 3000 },
  )
})

test('what was read is written as people read it', () => {
  const at = (text: string) => Date.parse(text)
  assert.equal(writeMoment(at('2026-06-15T00:00:00Z'), 'UTC'), '15 June 2026')
  assert.equal(writeMoment(at('2026-06-15T12:30:00Z'), 'UTC'), '15 June 2026 at 12:30')
  assert.equal(writeMoment(at('2026-06-14T22:00:00Z'), 'Europe/Brussels'), '15 June 2026')
  assert.equal(writeEnd(at('2026-06-15T00:00:00Z'), 'UTC'), '14 June 2026')
  assert.equal(writeEnd(at('2026-06-15T12:30:00Z'), 'UTC'), '15 June 2026 at 12:30')
  assert.equal(writeEnd(at('2018-11-04T03:00:00Z'), 'America/Sao_Paulo'), '3 November 2018')
  assert.equal(writeEnd(at('2018-02-18T03:00:00Z'), 'America/Sao_Paulo'), '17 February 2018')
  assert.equal(writeEnd(at('2026-11-01T04:00:00Z'), 'America/Havana'), '31 October 2026')
  assert.equal(writeEnd(at('2026-11-01T05:00:00Z'), 'America/Havana'), '1 November 2026 at 00:00')
  assert.equal(writeEnd(at('2011-12-30T10:00:00Z'), 'Pacific/Apia'), '29 December 2011')
})

test('a time zone is one by its name', () => {
  for (const zone of ZONES) assert.ok(isTimeZone(zone), zone)
  for (const zone of ['', 'Mars/Olympus', 'local', 'Europe/Brussels ', '../UTC']) assert.ok(!isTimeZone(zone), zone)
  assert.equal(readMoment('2026-06-15', 'Mars/Olympus', 'start'), undefined)
})

function iso(at: number | undefined): string {
  return at === undefined ? 'refused' : new Date(at).toISOString()
}
