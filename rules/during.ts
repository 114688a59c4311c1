/**
 * Is it now within "mon-fri 08:00-18:00 in Europe/Berlin"? By the clock on the wall there: an hour that a daylight-saving
 * change leaves out never comes, one that it repeats comes twice.
 */
import { DateTime } from 'luxon'
import type { During } from './model.ts'

const MINUTE_MS = 60_000

interface WallClock {
  /** Minutes since 1970, UTC. */
  readonly minute: number
  /** Monday = 0. */
  readonly day: number
  readonly minuteOfDay: number
}

/** The last reading of each zone: converting costs microseconds, and all requests of one minute share it. */
const readings = new Map<string, WallClock>()

/** Whether the instant, in milliseconds since 1970, is within. The first minute counts, the last does not; equal minutes are 24 hours. */
export function isDuring({ days, fromMinute, toMinute, zone }: During, at: number): boolean {
  const { day, minuteOfDay } = wallClock(zone, at)
  const isDay = (days & (1 << day)) !== 0
  if (fromMinute < toMinute) return isDay && minuteOfDay >= fromMinute && minuteOfDay < toMinute
  const wasDay = (days & (1 << ((day + 6) % 7))) !== 0
  return (isDay && minuteOfDay >= fromMinute) || (wasDay && minuteOfDay < toMinute)
}

function wallClock(zone: string, at: number): WallClock {
  const minute = Math.floor(at / MINUTE_MS)
  const last = readings.get(zone)
  if (last !== undefined && last.minute === minute) return last
  const local = DateTime.fromMillis(at, { zone })
  const reading = { minute, day: local.weekday - 1, minuteOfDay: local.hour * 60 + local.minute }
  readings.set(zone, reading)
  return reading
}
