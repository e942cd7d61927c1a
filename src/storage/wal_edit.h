#pragma once
// One logical change of several pages, published last.
//
// The *main* page (the one that makes the change visible: a block's header) stays exclusively
// locked from begin to finish. Other pages are locked in ascending order within their chain as they
// are asked for, and go into one WAL record with the main page where they fit (GenericXLog takes
// four pages); when they do not, the earlier ones are logged and unlocked first. So a crash between
// records leaves bytes that nothing refers to.
// Locks: at most four content locks, in the order of src/index/README.md.
#include "storage/page.h"

namespace avq {

class WalEdit {  // trivially destructible; an ereport in between loses nothing but the edit
 public:
  WalEdit(IndexFile& file, Buffer main)
      : file_(&file), main_(main), main_image_(nullptr), state_(nullptr), count_(0) {}

  Buffer main() const { return main_; }
  Relation index() const { return file_->relation; }

  // The editable image of another page of the index; valid until the next call of `page`. A new
  // page is one that is locked already by the caller, who gives it away.
  Page page(BlockNumber block, PageKind kind) {
    for (int i = 0; i < count_; i++) {
      if (BufferGetBlockNumber(buffers_[i]) != block) continue;
      if (page_info(images_[i])->kind != kind) report_wrong_address(block);
      return images_[i];
    }
    // Locking it again would wait for ourselves, for ever.
    if (BufferGetBlockNumber(main_) == block) report_wrong_address(block);
    return add(read_page(*file_, block, kind, BUFFER_LOCK_EXCLUSIVE));
  }
  Page add(Buffer locked) {
    if (count_ == MAX_GENERIC_XLOG_PAGES - 1) flush();
    if (state_ == nullptr) state_ = GenericXLogStart(file_->relation);
    buffers_[count_] = locked;
    images_[count_] = GenericXLogRegisterBuffer(state_, locked, 0);
    return images_[count_++];
  }

  // The image of the main page: after the last call of `page`, before finish().
  Page main_page() {
    if (state_ == nullptr) state_ = GenericXLogStart(file_->relation);
    main_image_ = GenericXLogRegisterBuffer(state_, main_, 0);
    return main_image_;
  }

  // Logs what is left and unlocks everything.
  void finish() {
    seal_page(main_image_);
    log_images();
    release_others();
    UnlockReleaseBuffer(main_);
  }
  // Drops the edit made since the last flush and unlocks everything.
  void abandon() {
    if (state_ != nullptr) GenericXLogAbort(state_);
    release_others();
    UnlockReleaseBuffer(main_);
  }

 private:
  [[noreturn]] void report_wrong_address(BlockNumber block) {
    report_damage(file_->relation, block, "an address of copies or codes that names another page");
  }
  void flush() {
    log_images();
    release_others();
  }
  void log_images() {
    for (int i = 0; i < count_; i++) seal_page(images_[i]);
    log_change(state_);
  }
  void release_others() {
    state_ = nullptr;
    for (int i = 0; i < count_; i++) UnlockReleaseBuffer(buffers_[i]);
    count_ = 0;
  }

  IndexFile* file_;
  Buffer main_;
  Page main_image_;
  GenericXLogState* state_;
  Buffer buffers_[MAX_GENERIC_XLOG_PAGES];
  Page images_[MAX_GENERIC_XLOG_PAGES];
  int count_;
};

}  // namespace avq
