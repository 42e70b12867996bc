/**
 * The parent as a declared interface: a variant reaches its PF only through named interactions, each declared as data
 * (arguments, scope of its effect, errors, approvals). Every call passes through {@link Parent.call}, where an observer
 * can stand; nobody observing costs nothing.
 */

import type { Task } from '../kernel/sleep.ts';
import type { ErrnoName } from '../uapi/errno.ts';
import type { Arguments, Given, Received } from './argument.ts';

/** What an interaction may change: state of the VF it names, or a named thing in the PF. None: it only reads. */
export type Scope = 'this VF' | `PF: ${string}`;

/** When an interaction fails, and with what. */
export interface ErrorRule {
  readonly when: string;
  readonly errno: ErrnoName;
}

declare const result: unique symbol;

/** The result of an interaction, `R`, and what it is in words. */
export interface Returned<R> {
  readonly meaning: string;
  readonly [result]?: R;
}

/** Declares a result. */
export function returns<R>(meaning: string): Returned<R> {
  return { meaning };
}

/** One named interaction. */
export interface Interaction<A extends Arguments = Arguments, R = unknown> {
  readonly summary: string;
  readonly arguments: A;
  readonly returns: Returned<R>;
  readonly scope: readonly Scope[];
  readonly errors: readonly ErrorRule[];
  /** Where the parent's side of it is, in Linux: file:function. */
  readonly reference: string;
  /** Who agreed to it; part of what reviewers ask for. */
  readonly approvals?: readonly string[];
}

/** The interactions of a parent by name. */
export type Interactions = Readonly<Record<string, Interaction>>;

/** What an interaction returns to its caller. */
export type ResultOf<I extends Interaction> = I['returns'] extends Returned<infer R> ? R : never;

/** The parent's side: one function for each interaction. It receives opaque bytes as they are. */
export type ParentImplementation<I extends Interactions> = {
  readonly [N in keyof I]: (args: Received<I[N]['arguments']>) => Task<ResultOf<I[N]>>;
};

/** A call as an observer sees it: `enter` before the parent acts, `leave` when it has answered. */
export interface ParentEvent {
  /** The declaration's name, and the device on whose behalf the call is made, e.g. `0000:03:00.2`. */
  readonly parent: string;
  readonly subject: string;
  readonly interaction: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly phase: 'enter' | 'leave';
  readonly result: unknown;
}
/** Is told of each call twice, before and after. */
export type ParentObserver = (event: ParentEvent) => void;

/** Where an observer can be hung in, at any time. */
export interface ParentObservers {
  observer?: ParentObserver;
}

/** A declared parent. */
export interface ParentDeclaration<I extends Interactions = Interactions> {
  readonly name: string;
  /** The host driver that owns the PF. */
  readonly driver: string;
  readonly summary: string;
  /** How a VF is named to the parent, and why a user has no say in it. */
  readonly identity: string;
  readonly interactions: I;
}

/** Declares a parent. */
export function defineParent<const I extends Interactions>(declaration: ParentDeclaration<I>): ParentDeclaration<I> {
  return declaration;
}

/** The parent of one device: the only way its driver has to the PF. */
export class Parent<I extends Interactions> {
  readonly declaration: ParentDeclaration<I>;
  readonly subject: string;
  private readonly implementation: ParentImplementation<I>;
  private readonly observers: ParentObservers;

  constructor(
    declaration: ParentDeclaration<I>,
    subject: string,
    implementation: ParentImplementation<I>,
    observers: ParentObservers,
  ) {
    this.declaration = declaration;
    this.subject = subject;
    this.implementation = implementation;
    this.observers = observers;
  }

  /** Carries out one interaction. Untrusted values are accepted only where the declaration says `opaque`. */
  call<N extends keyof I & string>(name: N, args: Given<I[N]['arguments']>): Task<ResultOf<I[N]>> {
    const task = this.implementation[name](args as Received<I[N]['arguments']>);
    return this.observers.observer === undefined ? task : this.observed(name, args, task);
  }

  private *observed<R>(interaction: string, args: Readonly<Record<string, unknown>>, task: Task<R>): Task<R> {
    const parent = this.declaration.name;
    const { subject, observers } = this;
    observers.observer?.({ parent, subject, interaction, args, phase: 'enter', result: undefined });
    const outcome = yield* task;
    observers.observer?.({ parent, subject, interaction, args, phase: 'leave', result: outcome });
    return outcome;
  }
}
