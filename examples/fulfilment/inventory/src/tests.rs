//! Against a stock in memory that keeps the conditions of the real one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use fulfilment_events::{Address, Customer};
use veltrix_sdk::cql::{CqlError, CqlErrorKind};
use veltrix_sdk::testing::{Call, Host, Record, Rows, Run, Script, Verdict, event};

use super::*;

/// The partition of one SKU.
#[derive(Default)]
struct Stock {
    left: i32,
    orders: HashMap<String, Decision>,
    /// Of a batch under way: whether its first condition was met.
    met: bool,
    /// So many times another writer takes one between reading and writing.
    rivals: u32,
}

type Shared = Rc<RefCell<Stock>>;

fn stock(left: i32) -> Shared {
    Rc::new(RefCell::new(Stock { left, ..Stock::default() }))
}

fn outcome(met: bool) -> Rows {
    if met { Rows::applied() } else { Rows::none().not_applied() }
}

fn script(stock: &Shared) -> Script {
    let (read, set, add, look) = (stock.clone(), stock.clone(), stock.clone(), stock.clone());
    Script::new()
        .on(READ_LEFT, move |call: &Call| {
            let mut stock = read.borrow_mut();
            let left = stock.left;
            if stock.rivals > 0 {
                (stock.rivals, stock.left) = (stock.rivals - 1, left - 1);
            }
            Ok(if call.get::<String>(0).unwrap() == "mug" {
                Rows::of([Some(left)].map(|left| (left,)))
            } else {
                Rows::none()
            })
        })
        .on(SET_LEFT, move |call: &Call| {
            let mut stock = set.borrow_mut();
            stock.met = stock.left == call.get::<i32>(2).unwrap();
            Ok(outcome(stock.met))
        })
        .on(ADD_ORDER, move |call: &Call| {
            let mut stock = add.borrow_mut();
            let id: String = call.get(1).unwrap();
            let met = stock.met && !stock.orders.contains_key(&id);
            if met {
                let [quantity, left] = [2, 4].map(|index| call.get(index).unwrap());
                stock.orders.insert(id, Decision { quantity, reserved: call.get(3).unwrap(), left });
                stock.left = left;
            }
            Ok(outcome(met))
        })
        .on(READ_ORDER, move |call: &Call| {
            assert_eq!(call.consistency(), Some(Consistency::Serial));
            let row = look.borrow().orders.get(&call.get::<String>(1).unwrap()).copied();
            Ok(Rows::of(row.map(|Decision { quantity, reserved, left }| (quantity, reserved, left))))
        })
}

fn order(id: &str, sku: &str, quantity: i32) -> Record {
    let text = |text: &str| text.to_owned();
    let order = OrderCreated {
        order_id: text(id),
        customer: Customer { id: text("c-1"), name: text("Ada"), email: text("ada@example.com") },
        sku: text(sku),
        quantity,
        unit_price_cents: 1_190,
        currency: text("EUR"),
        placed_at: text("2026-03-02T06:00:00Z"),
        ship_to: Address { street: text("Ring 1"), postcode: text("10115"), city: text("Berlin"), country: text("DE") },
    };
    event("orders").key(sku).json(&order)
}

fn run(stock: &Shared, orders: impl IntoIterator<Item = Record>) -> Run {
    Host::new().cassandra(&script(stock)).run(inventory, orders)
}

#[test]
fn reserves_while_there_is_enough_then_says_short() {
    let stock = stock(3);
    let run = run(&stock, [order("a", "mug", 2), order("b", "mug", 2), order("c", "mug", 1)]);
    assert_eq!(run.verdicts(), [Verdict::Ack, Verdict::Ack, Verdict::Ack]);
    let reserved: Vec<StockReserved> = run.emits_to("stock-reserved").iter().map(|emit| emit.json()).collect();
    let of = |id: &str, quantity, left| StockReserved { order_id: id.into(), sku: "mug".into(), quantity, left };
    assert_eq!(reserved, [of("a", 2, 1), of("c", 1, 0)]);
    let [short] = run.emits_to("stock-short")[..] else { panic!("{run:?}") };
    assert_eq!(short.key_text(), Some("b"));
    assert_eq!(short.json::<StockShort>().left, 1);
    assert_eq!(stock.borrow().left, 0);
}

#[test]
fn an_order_that_comes_again_reserves_once_and_says_the_same_again() {
    let stock = stock(5);
    let run = run(&stock, [order("a", "mug", 2), order("b", "mug", 1), order("a", "mug", 2)]);
    assert_eq!(run.verdicts(), [Verdict::Ack, Verdict::Ack, Verdict::Ack]);
    let said: Vec<StockReserved> = run.emits().iter().map(|emit| emit.json()).collect();
    assert_eq!(said.len(), 3);
    assert_eq!(said[0], said[2], "with the numbers of the first time");
    assert_eq!(stock.borrow().left, 2);
}

#[test]
fn a_short_order_stays_short_when_stock_comes_in() {
    let stock = stock(0);
    run(&stock, [order("a", "mug", 1)]);
    stock.borrow_mut().left = 10;
    let again = run(&stock, [order("a", "mug", 1)]);
    assert_eq!(again.emits()[0].topic(), "stock-short");
    assert_eq!(stock.borrow().left, 10);
}

#[test]
fn another_writer_in_between_means_reading_again() {
    let stock = stock(5);
    stock.borrow_mut().rivals = 3;
    let run = run(&stock, [order("a", "mug", 1)]);
    assert_eq!(run.verdict(), Verdict::Ack);
    assert_eq!(run.emits()[0].json::<StockReserved>().left, 1);
    assert_eq!(stock.borrow().left, 1);
}

#[test]
fn too_many_other_writers_hand_the_order_back() {
    let stock = stock(100);
    stock.borrow_mut().rivals = 50;
    let run = run(&stock, [order("a", "mug", 1)]);
    assert_eq!(run.verdict(), Verdict::retry());
    assert!(run.emits().is_empty() && stock.borrow().orders.is_empty());
}

#[test]
fn an_unknown_outcome_is_tried_again_and_then_found() {
    let stock = stock(5);
    // The write is applied, and its answer is lost.
    run(&stock, [order("a", "mug", 2)]);
    let lost = CqlError::new(CqlErrorKind::Timeout, "no answer").unknown_outcome();
    let first = Host::new().cassandra(&script(&stock).once(ADD_ORDER, lost)).run(inventory, [order("a", "mug", 2)]);
    assert_eq!(first.verdict(), Verdict::retry());
    let second = run(&stock, [order("a", "mug", 2).begun(1)]);
    assert_eq!(second.emits()[0].json::<StockReserved>().left, 3);
    assert_eq!(stock.borrow().left, 3);
}

#[test]
fn what_is_no_order_goes_to_the_dead_letters() {
    let stock = stock(5);
    let of = |record: Record| run(&stock, [record]).verdict();
    assert_eq!(of(order("a", "phone", 1)), Verdict::dead_letter("unknown-sku"));
    assert_eq!(of(order("a", "mug", 0)), Verdict::dead_letter("quantity-not-positive"));
    assert_eq!(of(event("orders").key("mug").value("order please")), Verdict::dead_letter("decode"));
    assert_eq!(of(event("orders").key("mug")), Verdict::dead_letter("decode"));
    assert_eq!(stock.borrow().left, 5);
}

#[test]
fn pauses_grow_and_differ() {
    for lost in 0..TRIES {
        let most = Duration::from_millis(5 << lost);
        for id in ["ord-1", "ord-2", "ord-3"] {
            assert!(pause(id, lost) <= most && pause(id, lost) >= most / 2 - Duration::from_millis(1));
        }
    }
    assert_ne!(pause("ord-1", 5), pause("ord-2", 5));
}
