//! Which components are digits: what is none is left out, pieces of one digit are put together, and
//! digits come in reading order. All lengths are relative to the digits themselves.

use std::ops::Range;

use crate::{
    component::{Area, Component},
    plane::Plane,
};

/// Something this much of the picture's longer side along its edge is table or shadow.
const AT_EDGE: f32 = 0.2;
/// A line of a ruled page: this much of the picture's width, and this much wider than high.
const RULE_WIDTH: f32 = 0.5;
const RULE_SHAPE: usize = 12;
/// What is smaller than this share of the tallest is a speck.
const SPECK: f32 = 0.12;
/// A digit smaller than this share of the tallest is a dot or a comma.
const SMALL: f32 = 0.35;
/// A piece is smaller than this share of what it belongs to.
const PIECE: f32 = 0.75;
/// How far a piece may be from the rest, as a share of its length.
const GAP: f32 = 0.2;
/// The same beside it, where the next digit may follow closely.
const GAP_BESIDE: f32 = 0.12;
/// How much of a piece's width or height lies beside the rest.
const ALONG: f32 = 0.35;
/// Share of the smaller area from where on two areas are one digit's.
const SHARED: f32 = 0.3;
/// Most components that are looked at, the largest first; a page of text must not take minutes.
const MOST: usize = 600;

/// Components that make up one digit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) area: Area,
    /// Their pixels' places in the picture.
    pub(crate) pixels: Vec<usize>,
}

/// The digits among the components, line by line and from left to right.
pub(crate) fn digits(components: Vec<Component>, picture: &Plane) -> Vec<Group> {
    let mut kept = without_specks(without_surroundings(components, picture));
    kept.sort_by_key(|component| usize::MAX - component.pixels.len());
    kept.truncate(MOST);
    in_reading_order(without_small(together(kept)))
}

/// Without table, shadow and ruled lines, unless there is nothing else.
fn without_surroundings(components: Vec<Component>, picture: &Plane) -> Vec<Component> {
    let longest = AT_EDGE * picture.longest() as f32;
    let rule = RULE_WIDTH * picture.width() as f32;
    kept_if_any(components, |component| {
        let Component { area, at_edge, .. } = component;
        let is_rule = area.width() as f32 > rule && area.width() > RULE_SHAPE * area.height();
        *at_edge as f32 <= longest && !is_rule
    })
}

fn kept_if_any<T>(all: Vec<T>, is_kept: impl Fn(&T) -> bool) -> Vec<T> {
    if !all.iter().any(&is_kept) {
        return all;
    }
    all.into_iter().filter(is_kept).collect()
}

fn without_specks(components: Vec<Component>) -> Vec<Component> {
    let tallest = components
        .iter()
        .map(|component| component.area.longest())
        .max();
    let least = SPECK * tallest.unwrap_or_default() as f32;
    components
        .into_iter()
        .filter(|component| component.area.longest() as f32 >= least)
        .collect()
}

fn without_small(groups: Vec<Group>) -> Vec<Group> {
    let tallest = groups.iter().map(|group| group.area.longest()).max();
    let least = SMALL * tallest.unwrap_or_default() as f32;
    groups
        .into_iter()
        .filter(|group| group.area.longest() as f32 >= least)
        .collect()
}

/// Puts pieces of the same digit together.
fn together(components: Vec<Component>) -> Vec<Group> {
    let mut group_of: Vec<usize> = (0..components.len()).collect();
    for a in 0..components.len() {
        for b in 0..a {
            if group_of[a] != group_of[b]
                && belong_together(&components[a].area, &components[b].area)
            {
                let (old, new) = (group_of[a], group_of[b]);
                group_of
                    .iter_mut()
                    .filter(|group| **group == old)
                    .for_each(|group| *group = new);
            }
        }
    }
    let mut groups: Vec<Option<Group>> = vec![None; components.len()];
    for (component, group) in components.into_iter().zip(group_of) {
        let Component { area, pixels, .. } = component;
        match &mut groups[group] {
            Some(group) => group.take_in(area, pixels),
            empty => *empty = Some(Group { area, pixels }),
        }
    }
    groups.into_iter().flatten().collect()
}

impl Group {
    fn take_in(&mut self, area: Area, pixels: Vec<usize>) {
        self.area = self.area.with(area);
        self.pixels.extend(pixels);
    }
}

/// Whether two components are pieces of one digit: they lie in one another, one is a small piece close
/// to the other, or they are the two halves of a digit that is torn across.
fn belong_together(a: &Area, b: &Area) -> bool {
    let (small, large) = if a.longest() < b.longest() {
        (a, b)
    } else {
        (b, a)
    };
    let across = Overlap::of(small.left..small.right, large.left..large.right);
    let down = Overlap::of(small.top..small.bottom, large.top..large.bottom);
    if across.share * down.share >= SHARED {
        return true;
    }
    let length = large.longest() as f32;
    let is_above_or_below = across.share >= ALONG && down.gap <= GAP * length;
    let is_beside = down.share >= ALONG && across.gap <= GAP_BESIDE * length;
    if (small.longest() as f32) < PIECE * length {
        return is_above_or_below || is_beside;
    }
    let is_squat = |area: &Area| area.height() * 5 < area.width() * 6;
    is_above_or_below && is_squat(small) && is_squat(large)
}

/// How two stretches of an axis lie to each other.
struct Overlap {
    /// What they have in common, as a share of the first.
    share: f32,
    /// What lies between them.
    gap: f32,
}

impl Overlap {
    fn of(first: Range<usize>, second: Range<usize>) -> Self {
        let common = first
            .end
            .min(second.end)
            .saturating_sub(first.start.max(second.start));
        let gap = first
            .start
            .max(second.start)
            .saturating_sub(first.end.min(second.end));
        Self {
            share: common as f32 / first.len() as f32,
            gap: gap as f32,
        }
    }
}

/// From top to bottom line by line, each from left to right. A digit is on a line if its middle is.
fn in_reading_order(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by_key(|group| (middle(&group.area), group.area.left));
    let mut lines: Vec<Vec<Group>> = Vec::new();
    for group in groups {
        match lines.last_mut() {
            Some(line) if line.iter().any(|other| is_level(&other.area, &group.area)) => {
                line.push(group)
            }
            _ => lines.push(vec![group]),
        }
    }
    for line in &mut lines {
        line.sort_by_key(|group| group.area.left);
    }
    lines.into_iter().flatten().collect()
}

/// Twice the row of the middle.
fn middle(area: &Area) -> usize {
    area.top + area.bottom
}

fn is_level(a: &Area, b: &Area) -> bool {
    let holds =
        |outer: &Area, inner: &Area| (2 * outer.top..2 * outer.bottom).contains(&middle(inner));
    // Both ways: the tall neighbour of a small digit must not pull in the line below.
    holds(a, b) && holds(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(left: usize, top: usize, width: usize, height: usize) -> Area {
        Area {
            left,
            top,
            right: left + width,
            bottom: top + height,
        }
    }

    fn found(areas: &[Area]) -> Vec<Area> {
        let groups = areas.iter().map(|area| Group {
            area: *area,
            pixels: Vec::new(),
        });
        in_reading_order(groups.collect())
            .iter()
            .map(|group| group.area)
            .collect()
    }

    #[test]
    fn lines_are_read_one_after_the_other_even_when_they_slope() {
        let first = [
            area(10, 40, 30, 50),
            area(60, 32, 30, 50),
            area(110, 25, 20, 60),
            area(160, 15, 30, 50),
        ];
        let second = [area(12, 120, 30, 50), area(90, 110, 30, 50)];
        let mixed = [second[1], first[2], first[0], second[0], first[3], first[1]];
        assert_eq!(
            found(&mixed),
            [first.as_slice(), second.as_slice()].concat()
        );
    }

    #[test]
    fn pieces_join_and_neighbours_do_not() {
        let body = area(100, 100, 60, 90);
        let pieces = [
            ("the bar of a 5", area(120, 88, 55, 8)),
            ("the bar of a 5, to the right", area(163, 100, 30, 10)),
            ("the bar of a 5, far off", area(135, 72, 55, 12)),
            ("a second stroke across", area(140, 95, 30, 100)),
        ];
        for (what, piece) in pieces {
            assert!(
                belong_together(&body, &piece) && belong_together(&piece, &body),
                "{what}"
            );
        }
        let others = [
            ("the next digit", area(165, 100, 60, 90)),
            ("a 1 close by", area(166, 98, 14, 92)),
            ("the line below", area(102, 200, 58, 90)),
            ("a slanted neighbour", area(150, 95, 60, 90)),
        ];
        for (what, other) in others {
            assert!(
                !belong_together(&body, &other) && !belong_together(&other, &body),
                "{what}"
            );
        }
        assert!(
            belong_together(&area(0, 0, 50, 45), &area(2, 47, 52, 46)),
            "an 8 torn across"
        );
    }
}
